package awsapi_test

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/anteroom-dev/anteroom/awsapi"
)

// FuzzEventID looks for a body that the short way reads differently from
// encoding/json.
func FuzzEventID(f *testing.F) {
	for _, seed := range []string{
		`{"event_id":"sale"}`, `{"event_id": "sale-2"}`, `{"event_id":"a","event_id":"b"}`,
		`{"event_id":"sale\"}`, `{"event_id":""}`, `{"event_id":"\u0073"}`, `{"event_id":null}`, `{"event_id":"`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		want, wantErr := awsapi.ParseOrderEventID(body)
		got, err := awsapi.ParseEventID(body)
		if got != want || (err != nil) != (wantErr != nil) {
			t.Errorf("%q: got %q %v, want %q %v", body, got, err, want, wantErr)
		}
		if plain, ok := awsapi.PlainEventID(body); ok && (wantErr != nil || plain != want) {
			t.Errorf("%q: the short way reads %q, encoding/json %q %v", body, plain, want, wantErr)
		}
	})
}

// FuzzParameter looks for a query that is read differently from net/url.
func FuzzParameter(f *testing.F) {
	for _, seed := range []string{
		"event_id=sale", "event_id=a&event_id=b", "x=1&event_id=s%61le", "event%5Fid=sale", "event_id",
		"event_id=a=b", "&&event_id=", "event_id=a;b", "event_id=%zz", "event_id=a+b", "=sale",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, _ := url.ParseQuery(query)
		for _, name := range []string{"event_id", "request_id"} {
			if got, want := awsapi.Parameter(query, name), values.Get(name); got != want {
				t.Errorf("%s in %q: got %q, want %q", name, query, got, want)
			}
		}
	})
}

// FuzzIncrement looks for an increment beyond its bounds, or one that changes
// when it is written out and read again.
func FuzzIncrement(f *testing.F) {
	for _, seed := range []string{`5`, `-5`, `"5"`, `"+5"`, `1.5`, `1e3`, `4294967296`, `"\u0035"`, `"5`, `null`, ``, `--5`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := awsapi.ParseIncrement(raw)
		if err != nil {
			return
		}
		if n < -1<<32 || n > 1<<32 {
			t.Errorf("%q: %d is out of bounds", raw, n)
		}
		if again, err := awsapi.ParseIncrement([]byte(strconv.FormatInt(n, 10))); err != nil || again != n {
			t.Errorf("%q: %d was read again as %d, %v", raw, n, again, err)
		}
	})
}
