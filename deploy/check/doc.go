// Package check holds what is deployed against the schemas of the programs
// that will read it, as far as that goes without a container engine or a cluster, and
// against each other.
//
// It is a module of its own: what these programs read their files with weighs more
// than the server, which is to know none of it. `make manifests` runs its tests.
package check
