package demo

// Refresh is how a visitor of the crowd reads a Refresh header.
var Refresh = refresh
