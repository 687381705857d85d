package redisurl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anteroom-dev/anteroom/waitingroom/redisstore/redisurl"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       redisurl.URL
	}{
		{"one server", "redis://cache.example", redisurl.URL{Addrs: []string{"cache.example:6379"}}},
		{"with a port and a database", "redis://cache.example:6380/3", redisurl.URL{Addrs: []string{"cache.example:6380"}, Database: 3}},
		{"an IPv6 address", "redis://[::1]", redisurl.URL{Addrs: []string{"[::1]:6379"}}},
		{
			"encrypted, with a password that has an @, a / and a :", "rediss://line:p%40ss%2F:x@cache.example:6379",
			redisurl.URL{TLS: true, Addrs: []string{"cache.example:6379"}, Username: "line", Password: "p@ss/:x"},
		},
		{
			"a password without a user", "redis://:secret@cache.example",
			redisurl.URL{Addrs: []string{"cache.example:6379"}, Password: "secret"},
		},
		{
			"a cluster", "redis+cluster://h1:6379,h2:6380",
			redisurl.URL{Kind: redisurl.Cluster, Addrs: []string{"h1:6379", "h2:6380"}},
		},
		{
			"sentinels", "rediss+sentinel://h1:26379,h2:26379/my%20master/2",
			redisurl.URL{Kind: redisurl.Sentinel, TLS: true, Addrs: []string{"h1:26379", "h2:26379"}, Master: "my master", Database: 2},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := redisurl.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"another scheme":                "http://cache.example",
		"a kind that doesn't exist":     "redis+ring://h1:6379",
		"an empty kind":                 "redis+://h1:6379",
		"no host":                       "redis://",
		"a port that is none":           "redis://h1:70000",
		"several hosts without a kind":  "redis://h1:6379,h2:6379",
		"a cluster's host without port": "redis+cluster://h1",
		"a cluster with a database":     "redis+cluster://h1:6379/1",
		"sentinels without a master":    "redis+sentinel://h1:26379",
		"a database that is no number":  "redis://h1/one",
		"a query":                       "redis://h1?db=1",
		"a broken escape":               "redis://a:%zz@h1",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := redisurl.Parse(text); err == nil {
				t.Errorf("%s was read as %+v", text, got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	// A password that no message has by chance.
	const password = "correct-horse-battery-staple"
	f.Add("redis://user:" + password + "@host:6379/0")
	f.Add("redis+sentinel://" + password + "@h1:26379,h2:26379/name/1")
	f.Add("http://" + password)
	f.Fuzz(func(t *testing.T, text string) {
		u, err := redisurl.Parse(text)
		switch {
		case err == nil && len(u.Addrs) == 0:
			t.Error("no address and no error")
		case err != nil && strings.Contains(err.Error(), password):
			t.Error("the error repeats the password")
		}
	})
}
