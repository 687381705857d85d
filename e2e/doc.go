// Package e2e holds black-box tests of the built binary: the program as an
// operator starts it, driven by real browsers and real relying parties. It
// imports nothing of this module but the pages, whose words are compared with
// those of their script, and what starts Redis, and its tests carry the build tag e2e, because they need
// programs that `make test` does without:
//
//	make e2e
//
// A test starts what it needs and throws it away afterwards:
//
//	server := startServer(t, `rooms: [{id: sale, inlet: {kind: open}}]`)
//	browser := newBrowser(t)
//	browser.Do(chromedp.Navigate(server.Issuer + "/healthz"))
//
// Relying parties are programs that others wrote, such as Apache. Each is described
// once, and goes through one table of scenarios, from an open room to a change of
// keys; what it cannot do is written in its description, with the reason.
//
// Several nodes behind a load balancer are a fleet; `anteroom load` sends it a crowd
// and audits the line, while a calamity befalls nodes or store (TestChaos). Several
// calamities happen at a time, each to a fleet of its own.
//
// With CI=true a missing program or package fails a test; without, it is skipped. Screenshots go to the folder artifacts at the root of the module.
package e2e
