// Package stage is a small web of its own for tests of relying parties that
// can't be run here: one server, in this process and with a clock that is turned by
// hand, sites under names such as shop.example.com, and browsers that walk between
// them. Everything speaks TLS on port 443, as far as anybody on the stage can see.
//
//	s := stage.Start(t, `
//	rooms: [{id: sale, inlet: {kind: manual}}]
//	clients: [{id: shop, secret_sha256: …, room: sale, redirect_uris: ["https://shop.example.com/cb"]}]
//	`)
//	s.Host("shop.example.com", shop)
//	visitor := s.Browser()
//	page := visitor.Go("https://shop.example.com/") // The waiting page.
//	s.Turn(20 * time.Minute)
//	s.Serve("sale", 1)
//	page = visitor.Reload(page) // Back at the shop.
//
// Names are resolved by the stage alone, so nothing leaves the machine, and there
// is no port but 443. Certificates come from an authority that only the
// stage's own clients trust. What goes wrong on the stage itself fails the test.
package stage
