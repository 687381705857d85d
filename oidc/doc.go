// Package oidc is an OpenID Provider whose end users authenticate by waiting
// until their turn has come.
package oidc
