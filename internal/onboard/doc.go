// Package onboard brings a relying party and the server together. It knows what
// each kind of relying party, which the configuration calls a preset, has to be
// told, and what it demands of a provider:
//
//   - [WriteGuide] says what to enter on the other side.
//   - [CheckRegistration] looks at the configuration alone.
//   - [Probe] asks the running server over the network, as the relying party will.
//
// What they find are [Finding]s: one line of plain words each, with what to do.
// The demands are those of docs/clients.
package onboard
