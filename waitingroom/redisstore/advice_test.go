package redisstore_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/anteroom-dev/anteroom/waitingroom/redisstore"
)

// reply is an error that Redis answers.
type reply string

func (r reply) Error() string { return string(r) }
func (reply) RedisError()     {}

// Whoever sets a server up meets these at its first start.
func TestASlipInTheConfigurationIsToldWithWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"no password":          {reply("NOAUTH Authentication required."), "give it one by store.password_file"},
		"no password, long":    {reply("ERR Protocol error: unauthenticated multibulk length"), "give it one by store.password_file"},
		"a wrong password":     {reply("WRONGPASS invalid username-password pair or user is disabled."), "another password than Redis"},
		"few rights":           {reply("NOPERM this user has no permissions to run the 'info' command"), "may not do all"},
		"no cluster":           {reply("ERR This instance has cluster support disabled"), "begin store.url with redis://"},
		"no sentinel":          {errors.Join(reply("ERR unknown command 'sentinel', with args beginning with: 'x'")), "it is not a sentinel"},
		"nothing there":        {&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "is Redis running there"},
		"hung up":              {io.EOF, "rediss://"},
		"no answer":            {context.DeadlineExceeded, "rediss://"},
		"no answer in time":    {&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "rediss://"},
		"an unknown authority": {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "by store.ca_file"},
		"another name":         {&tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}}, "as its certificate does"},
		"TLS to one without":   {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "rediss://"},
	} {
		t.Run(name, func(t *testing.T) {
			met := fmt.Errorf("store unavailable: redis: %w", test.err)
			got := redisstore.Advised(met)
			if !errors.Is(got, test.err) || !strings.HasPrefix(got.Error(), met.Error()) || !strings.Contains(got.Error(), test.want) {
				t.Errorf("got %v, want %q", got, test.want)
			}
		})
	}
	if err := errors.New("something else"); redisstore.Advised(err).Error() != err.Error() {
		t.Error("there is advice about what nobody knows")
	}
	if redisstore.Advised(nil) != nil {
		t.Error("there is advice about nothing")
	}
}
