package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// walkRoom lets everybody in at once, and walker is its relying party.
	walkRoom = "walk"
	walker   = "walker"
	// browsers is how many log in within a run, one on each connection at a time.
	browsers = 1_000
	// firstRate is how many browsers come for the first time each second: fewer
	// than half of what a core can sign, above which the door would hold them back.
	firstRate = 300
	// signatures are how many the yardstick of a run consists of.
	signatures = 200
	flowBound  = 0.25 // Signatures beyond the one that a login needs.
)

// measureFlow measures whole logins. Each needs one signature; what the server
// does beyond it is counted in signatures.
func measureFlow(ctx context.Context, l *lab) ([]line, error) {
	var lines []line
	for _, disk := range []struct {
		what  string
		delay time.Duration
		bound float64
	}{
		{"login", 0, flowBound},
		{"login, each commit 5 ms later", commitDelay, 0},
	} {
		more, err := l.measureLogins(ctx, disk.what, disk.delay, disk.bound)
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
	}
	return lines, nil
}

// measureLogins measures two kinds of logins on one server. Browsers that come for
// the first time take a place, are admitted and log in; they come at a rate that
// the door lets through, so the server is not busy and every wake-up counts. Then
// each logs in once more, by /authorize, /token and /userinfo, as many at a time as
// the server can serve.
func (l *lab) measureLogins(ctx context.Context, what string, delay time.Duration, bound float64) (lines []line, err error) {
	server, err := l.newServer("flow", delay)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	g, err := dial(ctx, connections, "", server.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	var first, again logins
	for range l.runs {
		crowd, err := newBrowsers(browsers)
		if err != nil {
			return nil, err
		}
		if err := first.measure(server, g, crowd, key, time.Second/firstRate); err != nil {
			return nil, err
		}
		if err := again.measure(server, g, crowd, key, 0); err != nil {
			return nil, err
		}
	}
	return []line{again.line(what, bound), first.line(what+", first time, 300/s", 0)}, nil
}

// logins is what the runs of one kind of login measured.
type logins struct{ beyond, each, signature []float64 }

// measure lets all browsers log in, no two of them sooner one after the other than
// pace, and counts what that costs the server.
func (l *logins) measure(server *process, g *generator, all []http.CookieJar, key *rsa.PrivateKey, pace time.Duration) error {
	signature, err := timeSignature(key)
	if err != nil {
		return err
	}
	c, err := measureDialogs(one(server, ""), g, len(all), pace, func(n int) dialog { return &login{jar: all[n]} })
	if err != nil {
		return err
	}
	each := float64(c.cpu)
	l.each, l.signature = append(l.each, each/1e3), append(l.signature, float64(signature)/1e3)
	l.beyond = append(l.beyond, (each-float64(signature))/float64(signature))
	return nil
}

// measureDialogs holds dialogs with a fleet, no two of them begun sooner one after
// the other than pace, and returns what each costs.
func measureDialogs(f fleet, g *generator, dialogs int, pace time.Duration, nth func(int) dialog) (cost, error) {
	before, err := f.cpu()
	if err != nil {
		return cost{}, err
	}
	start, last, begun := time.Now(), time.Time{}, 0
	err = g.hold(dialogs, func() dialog {
		now := time.Now()
		if now.Sub(last) < pace {
			return nil // Also after a delay: the door holds bursts back.
		}
		last = now
		begun++
		return nth(begun - 1)
	})
	if err != nil {
		return cost{}, err
	}
	took := time.Since(start)
	after, err := f.cpu()
	c := after.since(before, dialogs)
	c.throughput = float64(dialogs) / took.Seconds()
	return c, err
}

// line is the line of the table for them; without a bound if that is 0.
func (l *logins) line(what string, bound float64) line {
	beyond := summarize(l.beyond)
	row := line{
		what: what + ": CPU beyond its one signature",
		measured: fmt.Sprintf("%.2f signatures (a login %.0f µs, a signature %.0f µs)",
			beyond.median, summarize(l.each).median, summarize(l.signature).median),
		spread: beyond.spread("%.2f"), verdict: noted,
	}
	if bound != 0 {
		row.bound, row.verdict = fmt.Sprintf("≤ %.2f signatures", bound), judge(beyond.median <= bound)
	}
	return row
}

// timeSignature returns what one RS256 signature takes a server of this machine.
func timeSignature(key *rsa.PrivateKey) (time.Duration, error) {
	digest := sha256.Sum256([]byte("a token"))
	used, err := onServerCore(func() error {
		for range signatures {
			if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); err != nil {
				return err
			}
		}
		return nil
	})
	return used / signatures, err
}
