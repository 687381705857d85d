package demo_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/anteroom-dev/anteroom/internal/demo"
)

func TestRefresh(t *testing.T) {
	here, err := url.Parse("http://localhost:8080/wait?login=abc")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, header string
		wait         time.Duration
		to           string
	}{
		{"a number alone means the same page", "5", 5 * time.Second, here.String()},
		{"a URL is followed", "0; url=http://shop.example/", 0, "http://shop.example/"},
		{"a URL may be relative", "12;URL=/next?a=b", 12 * time.Second, "http://localhost:8080/next?a=b"},
		{"what is not a URL is passed over", "3; nonsense", 3 * time.Second, here.String()},
	} {
		t.Run(test.name, func(t *testing.T) {
			wait, to, ok := demo.Refresh(http.Header{"Refresh": {test.header}}, here)
			if !ok || wait != test.wait || to != test.to {
				t.Errorf("got %v, %q, %v, want %v, %q, true", wait, to, ok, test.wait, test.to)
			}
		})
	}
	for _, header := range []string{"", "soon", "-1", "99999", "1; url=http://[", "1.5"} {
		t.Run("nothing is read into "+header, func(t *testing.T) {
			if wait, to, ok := demo.Refresh(http.Header{"Refresh": {header}}, here); ok {
				t.Errorf("got %v, %q", wait, to)
			}
		})
	}
}
