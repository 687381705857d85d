// Package certificate keeps a listener's certificate and its key up to date
// with their files, so that a renewal needs no restart.
//
// [Open] reads both files, and the [tls.Config] of [Pair.TLS] answers handshakes
// with what was read last. The files are read again every five seconds while
// [Pair.Watch] runs, and at a handshake if the last look was a second ago, and
// they are taken over if both belong together and have not expired. Otherwise
// the old pair stays, and the log says so once. So the tool that renews them may
// write one file after the other, in place or by renaming.
//
// The contents are compared rather than times and sizes: a certificate is a few
// kilobytes, and a mounted secret that is swapped may keep both.
package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxFile bounds what is read of a file, in bytes.
	maxFile = 64 << 10
	// rest is how long handshakes leave the files alone after a look at them.
	rest = time.Second
	// watchEvery is how often the files are looked at without handshakes.
	watchEvery = 5 * time.Second
)

// ErrExpired says that a certificate is past its last day.
var ErrExpired = errors.New("the certificate has expired")

// errTooLarge says that a file holds more than any certificate.
var errTooLarge = fmt.Errorf("is larger than %d bytes", maxFile)

// Options is what [Open] needs.
type Options struct {
	// Name says whose certificate it is, for the log.
	Name string
	// CertFile names a PEM file: the certificate and the intermediate ones after it.
	CertFile string
	// KeyFile names a PEM file: the certificate's private key.
	KeyFile string
	// Cert stands in for CertFile if that is empty, and never changes.
	Cert []byte
	// Key stands in for KeyFile if that is empty, and never changes.
	Key []byte
	// Logger takes what an operator should know; nil discards it.
	Logger *slog.Logger
	// Now is the clock; nil stands for [time.Now].
	Now func() time.Time
}

// Pair is a certificate with its key. It is safe for concurrent use.
type Pair struct {
	options Options
	current atomic.Pointer[tls.Certificate]

	mu        sync.Mutex // Guards what follows, and is held while files are read.
	cert, key []byte     // What current was made of.
	looked    time.Time  // When the files were read last.
	complain  bool       // The log has said that the files are of no use.
	overdue   bool       // The log has said that current has expired.
}

// Open reads the files. A certificate that has expired is taken, with a warning:
// at a start there is no better one to keep.
func Open(o Options) (*Pair, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pair{options: o, looked: o.Now()}
	cert, key, err := p.read()
	if err != nil {
		return nil, err
	}
	pair, err := Parse(cert, key, o.Now())
	if err != nil && !errors.Is(err, ErrExpired) {
		return nil, fmt.Errorf("certificate %s with its key %s: %w", o.CertFile, o.KeyFile, err)
	}
	p.cert, p.key = cert, key
	p.current.Store(&pair)
	p.remind(o.Now())
	return p, nil
}

// Parse returns the certificate and its key that two PEM texts hold, if they
// belong together. With [ErrExpired] it returns the pair nevertheless. No error
// shows any of the key.
func Parse(cert, key []byte, now time.Time) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if now.After(pair.Leaf.NotAfter) {
		return pair, ErrExpired
	}
	return pair, nil
}

// TLS returns the settings of a listener that uses the pair: TLS 1.2 and later,
// and the curves and ciphers that the standard library prefers.
func (p *Pair) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			p.glance()
			return p.current.Load(), nil
		},
	}
}

// Expires returns until when the certificate in use is valid.
func (p *Pair) Expires() time.Time { return p.current.Load().Leaf.NotAfter }

// Watch looks at the files every five seconds until ctx ends.
func (p *Pair) Watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			p.glance()
		}
	}
}

// glance looks at the files if the last look is long enough ago. It doesn't wait
// for another one that is under way, so a slow disk holds up one handshake, not all.
func (p *Pair) glance() {
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	now := p.options.Now()
	if since := now.Sub(p.looked); since >= 0 && since < rest {
		return
	}
	p.looked = now
	defer p.remind(now)
	if err := p.reload(now); err != nil {
		if !p.complain {
			p.options.Logger.Warn("a changed certificate is of no use, and the one before stays; put a certificate and its key in place",
				"side", p.options.Name, "cert_file", p.options.CertFile, "key_file", p.options.KeyFile, "error", err)
		}
		p.complain = true
		return
	}
	p.complain = false
}

// remind logs once that the certificate in use has expired.
func (p *Pair) remind(now time.Time) {
	leaf := p.current.Load().Leaf
	expired := now.After(leaf.NotAfter)
	if expired && !p.overdue {
		p.options.Logger.Warn("the certificate has expired; replace its files, they are read again", "side", p.options.Name,
			"file", p.options.CertFile, "expired", leaf.NotAfter)
	}
	p.overdue = expired
}

// reload takes over what the files hold, if it is new and good.
func (p *Pair) reload(now time.Time) error {
	cert, key, err := p.read()
	if err != nil {
		return err
	}
	if bytes.Equal(cert, p.cert) && bytes.Equal(key, p.key) {
		return nil
	}
	pair, err := Parse(cert, key, now)
	if err != nil {
		return err
	}
	p.cert, p.key = cert, key
	p.current.Store(&pair)
	p.options.Logger.Info("certificate loaded", "side", p.options.Name, "file", p.options.CertFile, "expires", pair.Leaf.NotAfter)
	return nil
}

// read returns what the two files hold.
func (p *Pair) read() (cert, key []byte, err error) {
	cert, key = p.options.Cert, p.options.Key
	if path := p.options.CertFile; path != "" {
		if cert, err = readFile(path); err != nil {
			return nil, nil, fmt.Errorf("read the certificate: %w", err)
		}
	}
	if path := p.options.KeyFile; path != "" {
		if key, err = readFile(path); err != nil {
			return nil, nil, fmt.Errorf("read the certificate's key: %w", err)
		}
	}
	return cert, key, nil
}

// readFile returns what is in a file of bounded size.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // The operator's choice.
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s %w", path, errTooLarge)
	}
	return data, nil
}
