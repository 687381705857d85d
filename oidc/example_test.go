package oidc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gorilla/mux"

	"github.com/anteroom-dev/anteroom/oidc"
)

// A provider needs a line, keys, pages and secrets, and a router to listen on.
func ExampleProvider_Mount() {
	provider, err := oidc.New(oidc.Options{
		Issuer: "https://wait.example.com",
		Clients: []oidc.Client{{
			ID:           "spa",
			Public:       true,
			Room:         "sale",
			RedirectURIs: []string{"https://spa.example.com/cb"},
		}},
		Queue:   newLine(),
		Keys:    newSigner(),
		Pages:   pages{},
		Secrets: secrets{"32 bytes or more, from a file"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	router := mux.NewRouter()
	provider.Mount(router)

	answer := httptest.NewRecorder()
	router.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/.well-known/openid-configuration", nil))
	var document struct {
		Authorize string `json:"authorization_endpoint"`
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &document); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(document.Authorize)
	// Output: https://wait.example.com/authorize
}
