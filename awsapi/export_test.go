package awsapi

// What the fuzz targets compare with the standard library.
var (
	ParseEventID   = parseEventID
	PlainEventID   = plainEventID
	ParseIncrement = parseIncrement
	Parameter      = parameter
)

// ParseOrderEventID returns the event_id that the general parser finds.
func ParseOrderEventID(body []byte) (string, error) {
	o, err := parseOrder(body)
	if err != nil {
		return "", err
	}
	return *o.EventID, nil
}
