package albsim

import (
	"errors"
	"fmt"
	"net/http"
)

// Reason is an error_reason of the load balancer's access log.
type Reason string

// The reasons that AWS documents and the simulator gives.
const (
	AuthInvalidAWSALBAuthNonce       Reason = "AuthInvalidAWSALBAuthNonce"
	AuthInvalidCookie                Reason = "AuthInvalidCookie"
	AuthInvalidGrantError            Reason = "AuthInvalidGrantError"
	AuthInvalidIDToken               Reason = "AuthInvalidIdToken" //nolint:gosec // No credential, but a word of a log.
	AuthInvalidStateParam            Reason = "AuthInvalidStateParam"
	AuthInvalidTokenResponse         Reason = "AuthInvalidTokenResponse"
	AuthInvalidUserinfoResponse      Reason = "AuthInvalidUserinfoResponse"
	AuthMissingAWSALBAuthNonce       Reason = "AuthMissingAWSALBAuthNonce"
	AuthMissingCodeParam             Reason = "AuthMissingCodeParam"
	AuthMissingHostHeader            Reason = "AuthMissingHostHeader"
	AuthMissingStateParam            Reason = "AuthMissingStateParam"
	AuthTokenEpRequestFailed         Reason = "AuthTokenEpRequestFailed"  //nolint:gosec // As above.
	AuthTokenEpRequestTimeout        Reason = "AuthTokenEpRequestTimeout" //nolint:gosec // As above.
	AuthUserinfoEpRequestFailed      Reason = "AuthUserinfoEpRequestFailed"
	AuthUserinfoEpRequestTimeout     Reason = "AuthUserinfoEpRequestTimeout"
	AuthUserinfoResponseSizeExceeded Reason = "AuthUserinfoResponseSizeExceeded"
	AuthUnhandledException           Reason = "AuthUnhandledException"
)

// StatusIdPError is the status by which the load balancer says that the provider
// has answered a request of its own with an error.
const StatusIdPError = 561

// refusal is why a visitor is not let through.
type refusal struct {
	status int
	reason Reason
	cause  error
}

func (r *refusal) Error() string { return fmt.Sprintf("%d %s: %v", r.status, r.reason, r.cause) }

// Unwrap returns what went wrong.
func (r *refusal) Unwrap() error { return r.cause }

func refuse(status int, reason Reason, format string, args ...any) error {
	return &refusal{status, reason, fmt.Errorf(format, args...)}
}

// answerRefusal answers with the load balancer's own page.
func (lb *LoadBalancer) answerRefusal(w http.ResponseWriter, err error) {
	refused, ok := errors.AsType[*refusal](err)
	if !ok {
		refused = &refusal{http.StatusInternalServerError, AuthUnhandledException, err}
	}
	lb.config.AccessLog(refused.status, refused.reason, refused.cause)
	title := http.StatusText(refused.status)
	switch refused.status {
	case http.StatusUnauthorized:
		title = "Authorization Required"
	case StatusIdPError:
		title = "Authentication Error" // Assumption: the wording.
	}
	w.Header().Set("Server", serverName)
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(refused.status)
	_, _ = fmt.Fprintf(w, "<html><head><title>%d %s</title></head></html>\r\n", refused.status, title)
}
