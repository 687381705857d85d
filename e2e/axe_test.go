//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/chromedp/chromedp"
)

// axeSource is the accessibility checker, as `npm ci` installs it.
const axeSource = "node_modules/axe-core/axe.min.js"

// runAxe checks the page against WCAG 2.2 A and AA and axe's best practices.
const runAxe = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
	resultTypes: ["violations"],
})`

// A violation is a rule of axe-core that a page breaks.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// String names the rule and each element that breaks it.
func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", v.ID, v.Help)
	for _, node := range v.Nodes {
		fmt.Fprintf(&b, "\n  %s\n    %s", node.HTML, strings.ReplaceAll(node.Summary, "\n", "\n    "))
	}
	return b.String()
}

// Audit returns the rules of accessibility that the tab's page breaks. The
// checker is injected through the debugger, so that the page's own content
// security policy stays as strict as it is.
func (b *tab) Audit() []violation {
	b.t.Helper()
	axe, err := os.ReadFile(axeSource)
	if err != nil {
		skipOrFail(b.t, "this test needs axe-core: run `npm --prefix e2e ci`: %v", err)
	}
	b.Do(chromedp.Evaluate[chromedp.Void](string(axe)))
	result := get(b, chromedp.Evaluate[struct {
		Passes     []struct{}  `json:"passes"`
		Violations []violation `json:"violations"`
	}](runAxe, chromedp.EvalAwaitPromise))
	if len(result.Passes) == 0 {
		b.t.Fatal("axe-core checked nothing")
	}
	return result.Violations
}
