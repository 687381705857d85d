package server

import (
	"log/slog"
	"net/http"

	"github.com/anteroom-dev/anteroom/oidc"
	"github.com/anteroom-dev/anteroom/templates"
	"github.com/anteroom-dev/anteroom/wait"
)

// pages shows the provider's pages.
type pages struct {
	templates *templates.Pages
	log       *slog.Logger
}

var _ oidc.Pages = (*pages)(nil)

// Problem implements [oidc.Pages].
func (p *pages) Problem(w http.ResponseWriter, r *http.Request, status int, problem oidc.Problem) {
	title := "This login can't go on"
	if status >= http.StatusInternalServerError {
		title = "One moment, please"
	}
	p.show(w, r, status, title, problem.Explanation, string(problem.Code))
}

// show shows an error with a reference that the log has too.
func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, title, explanation, code string) {
	reference := wait.NewReference()
	p.log.InfoContext(r.Context(), "a visitor was shown an error",
		"reference", reference, "status", status, "code", code, "explanation", explanation, "path", r.URL.Path)
	p.templates.Problem(w, templates.Problem{Status: status, Title: title, Explanation: explanation, Reference: reference})
}

// FormPost implements [oidc.Pages].
func (p *pages) FormPost(w http.ResponseWriter, _ *http.Request, action string, fields []oidc.Field) {
	p.templates.FormPost(w, templates.FormPost{Action: action, Fields: hidden(fields)})
}

// ConfirmLogout implements [oidc.Pages].
func (p *pages) ConfirmLogout(w http.ResponseWriter, _ *http.Request, action string, fields []oidc.Field) {
	p.templates.Logout(w, templates.Logout{Form: templates.Form{Action: action, Fields: hidden(fields)}})
}

// LoggedOut implements [oidc.Pages].
func (p *pages) LoggedOut(w http.ResponseWriter, _ *http.Request, next string) {
	p.templates.LoggedOut(w, templates.LoggedOut{SiteURL: next})
}

func hidden(fields []oidc.Field) []templates.Field {
	list := make([]templates.Field, len(fields))
	for i, f := range fields {
		list[i] = templates.Field{Name: f.Name, Value: f.Value}
	}
	return list
}
