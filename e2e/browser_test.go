//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

const (
	// actionLimit bounds one call of Run, so that a page that never shows what
	// a test waits for fails that test and not the whole run.
	actionLimit = 60 * time.Second

	// artifacts is where screenshots go, seen from this package.
	artifacts = "../artifacts"
)

// A setting is one of the browser's content settings, as a user would change it
// in the browser's own dialog. It holds from the first page on.
type setting string

const (
	noCookies setting = "cookies"
	noScripts setting = "javascript"
)

// A tab is one tab of a headless Chromium. All tabs of a browser share its
// cookies; two browsers share nothing.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	requests   []request
	complaints []string
}

// A request is one that a page made.
type request struct {
	Type network.ResourceType // Document for a navigation or a reload
	URL  string
}

// newBrowser starts a browser with a fresh profile and returns its first tab.
// It ends with the test. No request of its pages leaves the machine.
func newBrowser(t *testing.T, off ...setting) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		skipOrFail(t, "this test needs the browser chromium: %v", err)
	}
	profile := newProfile(t, off)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
		chromedp.Env("TMPDIR="+profile), // it leaves files there
		chromedp.NoFirstRun,
		chromedp.NoSandbox, // a container's root has no sandbox to offer
		chromedp.DisableGPU,
		chromedp.WindowSize(1280, 800),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2"),
	)...)
	t.Cleanup(cancel)
	return newTab(ctx, t)
}

// NewTab opens another tab of the same browser.
func (b *tab) NewTab() *tab {
	b.t.Helper()
	return newTab(b.ctx, b.t)
}

// Do does the actions one after the other. It fails the test if one of them
// fails, or if all of them together take longer than actionLimit.
func (b *tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	get(b, chromedp.Steps(actions...))
}

// get does an action that has a result, with the limit of [tab.Do].
func get[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, actionLimit)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("browser: %v", err)
	}
	return result
}

// call sends a command of the browser's debugger, for which the tab's page may
// be anything.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("browser: %v", err)
	}
	return result
}

// SetScripts says whether pages that are loaded from now on may run scripts. In
// contrast to [noScripts] it can be changed.
func (b *tab) SetScripts(on bool) {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// Prefer sets what the user prefers, such as "prefers-color-scheme" to "dark",
// and forgets earlier calls.
func (b *tab) Prefer(feature, value string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
	})
}

// TrustAll makes the browser accept the certificates of a test's own authority.
func (b *tab) TrustAll() {
	b.t.Helper()
	call(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
}

// Screenshot keeps a picture of the whole page as artifacts/NAME.png.
func (b *tab) Screenshot(name string) {
	b.t.Helper()
	png := get(b, chromedp.FullScreenshot(100)) // 100 asks for PNG
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(artifacts, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// Requests returns the requests that the tab's pages have made so far, in
// order.
func (b *tab) Requests() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Complaints returns what the browser has complained of so far: errors and
// uncaught exceptions on the console, and violations of the content security
// policy.
func (b *tab) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

// newTab opens a tab: the first one of a new browser if ctx is an allocator's,
// another one of the same browser if it is a tab's.
func newTab(ctx context.Context, t *testing.T) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	// This first call starts the browser or opens the tab, and binds its life to
	// the context: one with a time limit would be too short.
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatalf("browser: %v", err)
	}
	return b
}

// note keeps what Requests and Complaints return.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, request{event.Type, event.Request.URL})
	case *cdplog.EventEntryAdded:
		if event.Entry.Level == cdplog.EntryLevelError {
			b.complaints = append(b.complaints, event.Entry.Text+" "+event.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError {
			complaint := "console.error:"
			for _, arg := range event.Args {
				complaint += " " + string(arg.Value) + arg.Description
			}
			b.complaints = append(b.complaints, complaint)
		}
	case *runtime.EventExceptionThrown:
		complaint := event.ExceptionDetails.Text
		if exception := event.ExceptionDetails.Exception; exception != nil {
			complaint += " " + exception.Description
		}
		b.complaints = append(b.complaints, complaint)
	}
}

// newProfile returns a new profile folder in which the given settings are off.
func newProfile(t *testing.T, off []setting) string {
	t.Helper()
	const blocked = 2 // ContentSetting CONTENT_SETTING_BLOCK of Chromium
	values := make(map[setting]int)
	for _, name := range off {
		values[name] = blocked
	}
	preferences, err := json.Marshal(map[string]any{
		"profile": map[string]any{"default_content_setting_values": values},
	})
	if err != nil {
		t.Fatal(err)
	}
	//nolint:usetesting // The browser's children may write for a moment after it
	// has ended; t.TempDir would fail the test for what they leave behind.
	dir, err := os.MkdirTemp("", "anteroom-browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Mkdir(filepath.Join(dir, "Default"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Default", "Preferences"), preferences, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
