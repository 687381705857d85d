package admin

import (
	"encoding/json"
	"net/http"
)

// answer sends v as JSON. What an operator sees is never kept by a cache.
func answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // The types of this package always marshal.
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// An error here means that the caller has gone.
	_, _ = w.Write(body)
}

// problem is the body of every error.
type problem struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, text string) {
	answer(w, status, problem{Error: text})
}
