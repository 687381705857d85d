package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/redis/go-redis/v9"
)

// advised adds to a failure of the first contact what an operator can do about it, in
// the words of the server's configuration. Most are slips in it, and Redis' own
// words say little to those who have not met them before.
func advised(err error) error {
	if err == nil {
		return nil
	}
	if advice := adviceFor(err); advice != "" {
		return fmt.Errorf("%w (%s)", err, advice)
	}
	return err
}

func adviceFor(err error) string {
	for _, reply := range []struct{ prefix, advice string }{
		{"WRONGPASS", "store.password_file, or store.url, has another password than Redis, or another user"},
		{"NOAUTH", "Redis demands a password: give it one by store.password_file"},
		{"Protocol error: unauthenticated", "Redis demands a password: give it one by store.password_file"},
		{"NOPERM", "the user in store.url may not do all that it has to"},
		{"This instance has cluster support disabled", "it is not a cluster: begin store.url with redis:// instead of redis+cluster://"},
		{"unknown command 'sentinel'", "it is not a sentinel: begin store.url with redis://, or name the sentinels' port"},
	} {
		if redis.HasErrorPrefix(err, reply.prefix) {
			return reply.advice
		}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "name the authority that Redis's certificate is of by store.ca_file"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "name Redis in store.url as its certificate does"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "is Redis running there, and is store.url right?"
	}
	slow, ok := errors.AsType[net.Error](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	if noTLS || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || ok && slow.Timeout() {
		return "is it Redis that listens there? With TLS, store.url begins with rediss://, without with redis://"
	}
	return ""
}
