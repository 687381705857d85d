//go:build e2e && linux

package e2e_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk moves a stopped server's store to a file system of its own of 8 MiB,
// and returns its directory. Mounting needs root, or CAP_SYS_ADMIN.
func smallDisk(t *testing.T, s *server) string {
	t.Helper()
	disk := filepath.Join(s.dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
		skipOrFail(t, "this test mounts a small tmpfs, and needs root for it: %v", err)
	}
	t.Cleanup(func() {
		s.Stop() // Has the file open until then.
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	store, err := os.ReadFile(filepath.Join(s.dir, "anteroom.db"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(s.dir, "anteroom.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("disk/anteroom.db", string(store))
	s.write("anteroom.yaml", strings.Replace(string(config), "bolt:anteroom.db", "bolt:disk/anteroom.db", 1))
	return disk
}

// fill writes a file until the file system has no room left, and returns it.
func fill(t *testing.T, disk string) string {
	t.Helper()
	name := filepath.Join(disk, "ballast")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 16; size > 0; {
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// A full disk must cost nobody a place or a session: who wants to enter is told
// to come again, who waits goes on waiting, and once there is room the server
// goes on by itself.
func TestFullDiskLetsVisitorsWaitAndHeals(t *testing.T) {
	// The store's file doubles when it grows, and then has room for hundreds.
	const inside, entering, waiting = 5, 600, 5
	server := startServer(t, "rooms: [{id: sale, inlet: {kind: manual}, position_ttl: 12h, session_ttl: 12h}]\n"+
		fmt.Sprintf(guestClient, sha256.Sum256([]byte(guestSecret))))
	server.Stop()
	disk := smallDisk(t, server)
	server.Restart()

	guests := make([]*guest, inside+entering+waiting)
	for i := range guests {
		guests[i] = newGuest(server.Issuer, http.DefaultTransport)
		must(t, guests[i].Come(""))
	}
	server.Serve(inside + entering)
	in, ready, wait := guests[:inside], guests[inside:inside+entering], guests[inside+entering:]
	for _, g := range in {
		eventually(t, "a served guest gets in", func() bool { must(t, g.Look()); return g.inside })
		must(t, g.Redeem())
	}

	ballast := fill(t, disk)
	turned := turnedAway(t, ready)
	wantReady(t, server, http.StatusServiceUnavailable)
	// Positions go on to be dealt below the ceiling that is on the disk, and no
	// further.
	last := wait[len(wait)-1].position
	for {
		b, err := joinAPI(http.DefaultClient, server.Issuer)
		if errors.Is(err, errLater) {
			break
		}
		must(t, err)
		must(t, b.Look(http.DefaultClient, server.Issuer))
		if last++; b.position != last || last > maxBlock {
			t.Fatalf("a join on the full disk got position %d, want %d", b.position, last)
		}
	}
	for _, g := range wait {
		if state, err := (&visitor{http: g.http, Page: g.page}).State(); err != nil || state != "waiting" {
			t.Errorf("the guest at %d polls and gets %q, %v", g.position, state, err)
		}
		must(t, g.Look())
	}

	must(t, os.Remove(ballast))
	wantReady(t, server, http.StatusOK)
	for _, g := range in {
		must(t, g.Known())
	}
	for _, g := range ready {
		if g.code != "" {
			must(t, g.Redeem()) // Entered while there was still room.
		}
	}
	for _, g := range turned {
		must(t, g.Look())
		must(t, g.Redeem())
	}
	for _, g := range wait {
		must(t, g.Look())
	}
	b, err := joinAPI(http.DefaultClient, server.Issuer)
	must(t, err)
	must(t, b.Look(http.DefaultClient, server.Issuer))
	// The join that was refused was never answered, so nobody misses its position.
	if b.position <= last {
		t.Errorf("the first join after the full disk got position %d, after %d", b.position, last)
	}
}

// turnedAway lets guests enter one after the other until the disk is full, and
// returns some who were told to come again.
func turnedAway(t *testing.T, ready []*guest) (turned []*guest) {
	t.Helper()
	for _, g := range ready {
		err := g.Look()
		switch {
		case errors.Is(err, errLater):
			turned = append(turned, g)
		case err != nil:
			t.Error(err)
		}
		if len(turned) == 5 {
			return turned
		}
	}
	t.Fatalf("%d of %d guests were turned away; is the disk full?", len(turned), len(ready))
	return nil
}

// wantReady waits until /readyz answers as wanted.
func wantReady(t *testing.T, s *server, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("/readyz answers %d", want), func() bool {
		resp, err := http.Get(s.Management + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode == want
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
