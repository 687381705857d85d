// Package templates holds the pages that a visitor sees, and writes them.
//
// There is one method of [Pages] per page. It takes a struct that says what is
// to be shown, and writes the whole response: status, headers and body. The
// callers decide which page a visitor gets; this package decides how it reads
// and what a browser may do with it.
//
//	Waiting                        a place in the line, its state and the wait
//	Expired Spent Ended Broken     a place that is over, with a button to join again
//	Closed                         before a line opens and after it has closed
//	NoCookies OtherBrowser         a browser or a link that cannot hold a place
//	Confirm Requeue ContinueHere   a question to a visitor who was admitted already
//	Onward                         one moment, and on to the next page
//	FormPost                       the answer of the form_post response mode
//	Logout LoggedOut               leaving the site
//	OneMoment TooMany              not now, come again by itself
//	Problem                        anything else that went wrong, with a reference
//
// # What every page has in common
//
// Every page is complete without scripts, cookies of its own, or anything from
// another host. Pages that move on do so with the Refresh header; the script
// of the waiting page takes over where scripts run. All of them go out with
// Cache-Control: no-store, with a content security policy that allows no inline
// script and no inline style, and with a wish not to be indexed.
//
// Pages are never compressed: they carry sealed values of one visitor beside
// texts that a stranger may choose, and compressed length would tell one about
// the other. They are a few kilobytes long.
//
// # Forms and redirects
//
// Browsers differ on whether the form-action directive also governs redirects
// that follow a submission; Chromium says it does. A handler of a POST must
// therefore not redirect to another origin. It answers with [Pages.Onward]
// instead, whose Refresh starts a navigation of its own.
//
// # Words
//
// Every sentence is in words.go, including those that the script shows; it gets
// them from the page. That file is what a translation replaces.
package templates
