package onboard

import (
	"embed"
	"fmt"
	"io"
	"net/url"
	"text/template"

	"github.com/anteroom-dev/anteroom/internal/config"
)

// guides holds a template for each preset, named after it.
//
//go:embed guides/*.txt
var guides embed.FS

// guideData is what the templates show. The secret is not part of it: it is shown
// once, by whoever made it.
type guideData struct {
	Issuer, ID   string
	RedirectURI  string // the first one
	RedirectPath string // its path
	Public       bool
}

// WriteGuide writes what to enter at a relying party of the kind that the client's
// preset names.
func WriteGuide(w io.Writer, issuer string, client *config.Client) error {
	name := string(client.Preset) + ".txt"
	guide, err := template.New(name).Option("missingkey=error").ParseFS(guides, "guides/"+name)
	if err != nil {
		return fmt.Errorf("read the guide for %s: %w", client.Preset, err)
	}
	data := guideData{Issuer: issuer, ID: client.ID, Public: client.Public}
	if len(client.RedirectURIs) > 0 {
		data.RedirectURI = client.RedirectURIs[0]
	}
	if u, err := url.Parse(data.RedirectURI); err == nil {
		data.RedirectPath = u.EscapedPath()
	}
	return guide.Execute(w, data)
}
