//go:build e2e

package e2e_test

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
)

func enterInTwoTabs(t *testing.T, st *stage) {
	one := st.NewBrowser()
	two := one.NewTab()
	one.Goes(st.URL + "/one")
	two.Goes(st.URL + "/two")
	if a, b := st.InLine(one), st.InLine(two); a != b {
		t.Errorf("the tabs have positions %d and %d", a, b)
	}
	st.Serve(1)
	one.Reloads()
	if st.Overwritten != "" {
		st.Says(one, st.Overwritten)
		one.Goes(st.URL + "/one")
		two.Goes(st.URL + "/two")
	} else {
		two.Reloads()
	}
	if a, b := st.Inside(one, "/one"), st.Inside(two, "/two"); a != b {
		t.Errorf("the tabs are %q and %q", a, b)
	}
	if got := st.Metric(`anteroom_room_dealt_total{room="sale"}`); got != 1 {
		t.Errorf("got %d places dealt, want 1", got)
	}
}

// enterAllAtOnce is what a browser does that opens the tabs of its last session,
// or a folder of bookmarks, where it has never been before.
func enterAllAtOnce(t *testing.T, st *stage) {
	tabs := openFive(st.NewBrowser(), st.URL+"/part/")
	for _, tab := range tabs {
		if got := st.InLine(tab); got != 1 {
			t.Errorf("got position %d, want 1", got)
		}
	}
	st.Serve(1)
	for i, tab := range tabs {
		tab.Reloads()
		st.Inside(tab, fmt.Sprintf("/part/%d", i))
	}
}

// returnAllAtOnce is what a page with pictures does when the relying party's
// session has ended.
func returnAllAtOnce(t *testing.T, st *stage) {
	b := st.NewBrowser()
	b.Goes(st.URL + deepLink)
	st.InLine(b)
	st.Serve(1)
	b.Reloads()
	who := st.Inside(b, deepLink)
	b.Forgets(st.URL)
	for i, tab := range openFive(b, st.URL+"/part/") {
		if again := st.Inside(tab, fmt.Sprintf("/part/%d", i)); again != who {
			t.Errorf("a tab is %q, want %q", again, who)
		}
	}
	if got := st.Metric(`anteroom_room_dealt_total{room="sale"}`); got != 1 {
		t.Errorf("got %d places dealt, want 1", got)
	}
}

// askForPictures is what a page does that was loaded before the gate was there.
func askForPictures(t *testing.T, st *stage) {
	b := st.NewBrowser()
	picture := b.NewTab()
	picture.Dest = "image"
	picture.Goes(st.URL + "/picture")
	st.Says(picture, st.Refused)
	b.Goes(st.URL + deepLink)
	if got := st.InLine(b); got != 1 {
		t.Errorf("got position %d, want 1, as a picture takes no place", got)
	}
	picture.Goes(st.URL + "/picture")
	st.Says(picture, st.Refused)
	st.Serve(1)
	b.Reloads()
	who := st.Inside(b, deepLink)
	b.Forgets(st.URL)
	picture.Goes(st.URL + "/picture")
	if got := st.Inside(picture, "/picture"); got != who {
		t.Errorf("the picture is for %q, want %q", got, who)
	}
}

// openFive opens pages whose addresses end in a number from 0 on, all at the same
// moment.
func openFive(b *plainBrowser, address string) []*plainBrowser {
	tabs := make([]*plainBrowser, 5)
	var loading sync.WaitGroup
	for i := range tabs {
		tabs[i] = b.NewTab()
		loading.Go(func() {
			if err := tabs[i].Tries(address + strconv.Itoa(i)); err != nil {
				b.t.Error(err)
			}
		})
	}
	loading.Wait()
	return tabs
}
