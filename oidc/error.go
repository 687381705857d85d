package oidc

import (
	"errors"
	"net/http"
)

// Answers of [Provider.OpenLogin] that the waiting page branches on. Any other
// error means that the line can't answer now.
var (
	// ErrBadLogin says that a sealed login was not made by this installation,
	// is damaged, or asks for something that its client is no longer
	// registered for.
	ErrBadLogin = errors.New("not a valid login")
	// ErrLoginExpired says that a sealed login is older than 48 hours.
	ErrLoginExpired = errors.New("login has expired")
)

// ErrorCode is a protocol error as a client reads it. It is an error itself, so
// that errors.Is(err, oidc.InvalidGrant) works on an [Error].
//
//nolint:errname // a code is an error only so that it can be compared with one
type ErrorCode string

// Error returns the code.
func (c ErrorCode) Error() string { return string(c) }

// The error codes that the provider answers with.
//
//nolint:errname // the names are the protocol's
const (
	InvalidRequest           ErrorCode = "invalid_request"            // RFC 6749 §4.1.2.1 and §5.2
	InvalidClient            ErrorCode = "invalid_client"             // RFC 6749 §5.2
	InvalidGrant             ErrorCode = "invalid_grant"              // RFC 6749 §5.2
	UnauthorizedClient       ErrorCode = "unauthorized_client"        // RFC 6749 §5.2
	UnsupportedGrantType     ErrorCode = "unsupported_grant_type"     // RFC 6749 §5.2
	UnsupportedResponseType  ErrorCode = "unsupported_response_type"  // RFC 6749 §4.1.2.1
	AccessDenied             ErrorCode = "access_denied"              // RFC 6749 §4.1.2.1
	TemporarilyUnavailable   ErrorCode = "temporarily_unavailable"    // RFC 6749 §4.1.2.1
	LoginRequired            ErrorCode = "login_required"             // OpenID Connect Core 1.0 §3.1.2.6
	RequestNotSupported      ErrorCode = "request_not_supported"      // OpenID Connect Core 1.0 §3.1.2.6
	RequestURINotSupported   ErrorCode = "request_uri_not_supported"  // OpenID Connect Core 1.0 §3.1.2.6
	RegistrationNotSupported ErrorCode = "registration_not_supported" // OpenID Connect Core 1.0 §3.1.2.6
	InvalidToken             ErrorCode = "invalid_token"              // RFC 6750 §3.1
)

// Error is a refusal that goes to a client, in a redirect or as JSON. What a
// person must be shown instead is a [Problem], which is another type so that
// neither can be taken for the other.
type Error struct {
	// Code is what the client branches on.
	Code ErrorCode
	// Description helps the client's developer. It is a constant sentence and
	// holds neither quotation marks nor backslashes (RFC 6749 §4.1.2.1).
	Description string
	// Cause is logged and never shown. It may be nil.
	Cause error
	// Status is the HTTP status of the JSON answer, or 0 for the status that
	// belongs to the code.
	Status int
}

// Error returns code, description and cause.
func (e *Error) Error() string {
	message := string(e.Code)
	if e.Description != "" {
		message += ": " + e.Description
	}
	if e.Cause != nil {
		message += ": " + e.Cause.Error()
	}
	return message
}

// Unwrap returns the code and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Code}
	}
	return []error{e.Code, e.Cause}
}

// status returns the HTTP status of the JSON answer.
func (e *Error) status() int {
	if e.Status != 0 {
		return e.Status
	}
	switch e.Code {
	case InvalidClient, InvalidToken:
		return http.StatusUnauthorized
	case TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	default:
		// RFC 6749 §5.2: everything else is a 400, and nothing that a client
		// did is a 5xx.
		return http.StatusBadRequest
	}
}

// refusal makes an [Error] of a code and a description.
func refusal(code ErrorCode, description string) *Error {
	return &Error{Code: code, Description: description}
}

// unavailable is the answer when the line or its keys can't answer now.
func unavailable(cause error) *Error {
	return &Error{
		Code:        TemporarilyUnavailable,
		Description: "The waiting room cannot answer right now, please try again.",
		Cause:       cause,
	}
}
