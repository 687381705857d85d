package oidc

import "net/http"

// Problem is a fault that is shown to the person at the browser, because there
// is nobody else whom it may be told.
type Problem struct {
	// Code is the OAuth error code that fits best.
	Code ErrorCode
	// Explanation says in a sentence or two what is wrong, in words of ours:
	// it never repeats anything from the request.
	Explanation string
}

// Field is a form field, sent as it is.
type Field struct {
	Name, Value string
}

// Pages shows the few pages that the provider needs. Each method writes the
// whole response, which must not be cached (Cache-Control: no-store).
type Pages interface {
	// Problem shows an error with the given HTTP status. The implementation
	// adds a reference by which the operator finds it in the log.
	Problem(w http.ResponseWriter, r *http.Request, status int, problem Problem)

	// FormPost shows a form with hidden fields that a script sends by POST to
	// action at once, and that a person can send by a button where scripts
	// are off. Action is a registered redirect URI of another origin
	// (OAuth 2.0 Form Post Response Mode §2).
	FormPost(w http.ResponseWriter, r *http.Request, action string, fields []Field)

	// ConfirmLogout asks whether to end the visit. The button sends the fields
	// by POST to action, a path of this origin.
	ConfirmLogout(w http.ResponseWriter, r *http.Request, action string, fields []Field)

	// LoggedOut says that there is no visit any more. Next is where the person
	// may go on, to be offered as a link, or empty.
	LoggedOut(w http.ResponseWriter, r *http.Request, next string)
}
