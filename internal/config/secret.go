package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// hidden is what a secret shows of itself.
const hidden = "[hidden]"

// Secret is a string that does not show itself to fmt, slog or an encoder.
type Secret struct {
	value string
}

// NewSecret hides value.
func NewSecret(value string) Secret {
	return Secret{value: value}
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	return s.value
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool {
	return s.value == ""
}

// Format hides the secret from every verb of fmt, so that not even %d, which
// would look into the struct, shows it.
func (s Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, hidden) // fmt offers no way to report it.
}

// String hides the secret.
func (s Secret) String() string {
	return hidden
}

// GoString hides the secret.
func (s Secret) GoString() string {
	return hidden
}

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value {
	return slog.StringValue(hidden)
}

// MarshalText hides the secret from encoders.
func (s Secret) MarshalText() ([]byte, error) {
	return []byte(hidden), nil
}

// Bounds of secrets, in bytes.
const (
	maxSecretFile   = 64 << 10
	minMasterSecret = 32
	maxMasterSecret = 1024
	minSecret       = 16
	maxSecret       = 1024
)

var errTooLarge = fmt.Errorf("is larger than %d bytes", maxSecretFile)

// resolve makes relative paths relative to the directory of the configuration,
// and puts the files that the server creates where they are not given.
func (l *loader) resolve(c *Config) {
	if path, ok := strings.CutPrefix(c.Store.URL, "bolt:"); ok && path != "" {
		c.Store.Path = l.absolute(path)
	}
	beside := l.dir
	if c.Store.Path != "" {
		beside = filepath.Dir(c.Store.Path)
	}
	switch {
	case c.SecretFile != "":
		c.SecretFile = l.absolute(c.SecretFile)
	case c.Store.Path != "":
		c.SecretFile = filepath.Join(beside, "master-secret")
	}
	switch {
	case c.Management.TokenFile != "":
		c.Management.TokenFile = l.absolute(c.Management.TokenFile)
	case len(c.Management.Tokens) == 0:
		c.Management.TokenFile = filepath.Join(beside, "admin-token")
	}
	for i := range c.Management.Tokens {
		if file := &c.Management.Tokens[i].File; *file != "" {
			*file = l.absolute(*file)
		}
	}
	for _, file := range []*string{&c.StateDir, &c.Store.PasswordFile, &c.Store.CAFile, &c.TLS.CertFile, &c.TLS.KeyFile, &c.Management.TLS.CertFile, &c.Management.TLS.KeyFile} {
		if *file != "" {
			*file = l.absolute(*file)
		}
	}
	for i := range c.Clients {
		if file := &c.Clients[i].SecretFile; *file != "" {
			*file = l.absolute(*file)
		}
	}
}

// absolute returns path as seen from the directory of the configuration.
func (l *loader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.dir, path)
}

// readSecrets fills in what comes from secret files, or from the environment in
// their place.
func (l *loader) readSecrets(c *Config) {
	if text, ok := l.secret("secret_file", &c.SecretFile, true); ok {
		c.MasterSecrets = l.masterSecrets("secret_file", text)
	}
	if text, ok := l.secret("management.token_file", &c.Management.TokenFile, true); ok {
		c.Management.Token = l.token("management.token_file", text)
	}
	if text, ok := l.secret("store.password_file", &c.Store.PasswordFile, false); ok {
		c.Store.Password = NewSecret(text)
	}
	l.readAuthorities(&c.Store)
	l.readTokens(c)
	l.readTLS("tls", &c.TLS)
	l.readTLS("management.tls", &c.Management.TLS)
	for i := range c.Clients {
		at := fmt.Sprintf("clients[%d].", i)
		client := &c.Clients[i]
		if text, ok := l.secret(at+"secret_file", &client.SecretFile, false); ok {
			// RFC 6749 appendix A.2: a client secret is of printable ASCII.
			if !regexp.MustCompile(`^[\x20-\x7e]+$`).MatchString(text) || len(text) < minSecret || len(text) > maxSecret {
				l.fault(at+"secret_file", "must hold one line of %d to %d printable ASCII characters", minSecret, maxSecret)
			}
			client.SecretHash = sha256.Sum256([]byte(text))
		}
		if digest := client.SecretSHA256; l.usable(at + "secret_sha256") {
			if n, err := hex.Decode(client.SecretHash[:], []byte(digest[:min(len(digest), 64)])); err != nil || n != 32 || len(digest) != 64 {
				l.fault(at+"secret_sha256", "must be the SHA-256 of the secret in 64 hexadecimal digits")
			}
		}
	}
}

// secret returns the secret that belongs to the key at path, without the line
// breaks at its end: from the environment, and then the file is forgotten, or
// from the file. It returns false if there is none, which is
// a fault unless the server will create the file.
func (l *loader) secret(path string, file *string, created bool) (text string, ok bool) {
	if text, ok := l.secrets[path]; ok {
		*file = ""
		return strings.TrimRight(text, "\r\n"), true
	}
	if *file == "" || l.broken[path] {
		return "", false
	}
	text, err := readSecretFile(*file)
	if created && errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	if err != nil {
		l.fault(path, "cannot be read: %v", err)
		return "", false
	}
	return strings.TrimRight(text, "\r\n"), true
}

// readSecretFile returns what is in a file of bounded size.
func readSecretFile(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's choice
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	if len(data) > maxSecretFile {
		return "", errTooLarge
	}
	return string(data), nil
}

// masterSecrets splits text into master secrets, one a line.
func (l *loader) masterSecrets(path, text string) []Secret {
	var secrets []Secret
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if len(line) < minMasterSecret || len(line) > maxMasterSecret {
			l.fault(path, "must hold secrets of %d to %d bytes, one a line; line %d has %d",
				minMasterSecret, maxMasterSecret, i+1, len(line))
		}
		secrets = append(secrets, NewSecret(line))
	}
	return secrets
}
