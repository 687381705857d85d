package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// parseScalar returns the value of type t that text stands for, or what is wrong
// with it. The same text means the same in the file, quoted or not, and in the
// environment.
func parseScalar(t reflect.Type, text string) (parsed reflect.Value, fault string) {
	var value any
	switch t {
	case reflect.TypeFor[time.Duration]():
		value, fault = parseDuration(text)
	case reflect.TypeFor[time.Time]():
		value, fault = parseTime(text)
	case reflect.TypeFor[netip.Prefix]():
		value, fault = parsePrefix(text)
	case reflect.TypeFor[slog.Level]():
		value, fault = parseLevel(text)
	case reflect.TypeFor[bool]():
		value, fault = parseBool(text)
	case reflect.TypeFor[int]():
		value, fault = parseInt(text)
	default: // A string, or a type made of one.
		if strings.ContainsFunc(text, unicode.IsControl) {
			return reflect.Value{}, "must not contain control characters"
		}
		return reflect.ValueOf(text).Convert(t), ""
	}
	return reflect.ValueOf(value), fault
}

func parseDuration(text string) (value time.Duration, fault string) {
	value, err := time.ParseDuration(text)
	if err != nil {
		return 0, "must be a duration with its unit, such as 500ms, 90s, 15m or 1h"
	}
	return value, ""
}

func parseTime(text string) (value time.Time, fault string) {
	value, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, "must be a time with its zone, such as 2026-11-27T09:00:00Z (RFC 3339)"
	}
	return value, ""
}

func parseBool(text string) (value bool, fault string) {
	switch text {
	case "true":
		return true, ""
	case "false":
		return false, ""
	}
	return false, "must be true or false"
}

func parseInt(text string) (value int, fault string) {
	value, err := strconv.Atoi(text)
	if err != nil {
		return 0, "must be a whole number"
	}
	return value, ""
}

func parseLevel(text string) (value slog.Level, fault string) {
	if err := value.UnmarshalText([]byte(text)); err != nil {
		return 0, "must be a level"
	}
	return value, ""
}

// parsePrefix takes a CIDR prefix, or an address as the prefix of that address.
func parsePrefix(text string) (value netip.Prefix, fault string) {
	const form = "must be an address or a CIDR prefix, such as 10.0.0.0/8 or 2001:db8::1"
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, form
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), ""
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, form
	case prefix.Addr().Is4In6():
		return netip.Prefix{}, "must be written as an IPv4 prefix, without ::ffff:"
	case prefix.Bits() == 0:
		return netip.Prefix{}, "would trust every address there is"
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Sprintf("has bits beyond the prefix; did you mean %s?", prefix.Masked())
	}
	return prefix, ""
}

// checkRange returns what is wrong with a number or duration by the tags min,
// max and zero.
func checkRange(value reflect.Value, tag reflect.StructTag) (fault string) {
	low, high := tag.Get("min"), tag.Get("max")
	if low == "" || (value.Int() == 0 && tag.Get("zero") != "") {
		return ""
	}
	least, fault := parseScalar(value.Type(), low)
	if fault != "" {
		panic("config: tag min " + fault) // The tag is wrong, not the input.
	}
	most, fault := parseScalar(value.Type(), high)
	if fault != "" {
		panic("config: tag max " + fault)
	}
	if least.Int() <= value.Int() && value.Int() <= most.Int() {
		return ""
	}
	fault = fmt.Sprintf("must be between %s and %s", low, high)
	if meaning := tag.Get("zero"); meaning != "" {
		fault += fmt.Sprintf(", or 0 (%s)", meaning)
	}
	return fault
}
