package templates_test

import (
	"net/http/httptest"
	"testing"

	"github.com/anteroom-dev/anteroom/static"
	"github.com/anteroom-dev/anteroom/templates"
)

func TestPagesRender(t *testing.T) {
	files, err := static.New("")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := templates.New(templates.Options{Static: files})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	pages.Waiting(w, templates.Waiting{Room: "Spring sale", Position: 1042, Serving: 1000, Ahead: 41, PageURL: "/wait?a=1&b=2"})
	if w.Code != 200 {
		t.Errorf("status %d, want 200", w.Code)
	}
	t.Log(w.Result().Header, w.Body)
	w = httptest.NewRecorder()
	pages.FormPost(w, templates.FormPost{Action: "https://shop.example.com/cb", Fields: []templates.Field{{Name: "code", Value: "x"}}})
	if w.Code != 200 {
		t.Errorf("status %d, want 200", w.Code)
	}
	t.Log(w.Body)
}
