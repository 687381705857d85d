// Package config reads the configuration of the server: one strict YAML file,
// overridden by environment variables, with secrets in files of their own.
//
// The structs of [Config] are the manual. Each field says what it means, and
// its tags say the rest: the key, the default, what values it may take and
// whether it is required. The reader obeys the same tags, and
// docs/configuration.md is rendered from comments and tags, so that neither can
// drift from the other.
//
// # Faults
//
// Reading never stops at the first fault. [Parse] goes through these steps, each
// of which adds to one list, and returns either a [Config] that is right
// in every point or all of [Faults] with their lines:
//
//  1. The file is parsed into a tree. What makes small files
//     large or strange (anchors, aliases, tags, a second document) is refused.
//  2. The tree is matched with the structs: unknown keys, keys given twice,
//     values of the wrong form or out of range.
//  3. The environment is laid over it.
//  4. Relative paths are resolved, and secrets are read.
//  5. What the tags cannot say is checked: URLs, addresses, and what one key
//     demands of another.
//
// # Secrets
//
// A secret is never in the file itself, only the name of a file that holds it.
// Outside lists, the variable without the _FILE suffix can hold the
// secret itself. No secret is ever part of a fault, and [Secret] does not show
// itself to fmt, slog or an encoder.
package config
