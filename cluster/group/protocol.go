package group

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// ProtocolType is the type of group that Connect's workers form.
const ProtocolType = "connect"

// Protocol is how members and leader talk; its number is the version in their bytes. A member offers
// its own and all older ones, and the broker picks the newest that all members offer.
type Protocol int16

// The protocols.
const (
	// Eager members stop all they run before each rebalance.
	Eager Protocol = iota
	// Compatible members go on while rebalancing, and give up only what is revoked (KIP-415).
	Compatible
	// Sessioned is Compatible with signed requests between workers (KIP-507).
	Sessioned
)

var protocolNames = [...]struct{ setting, wire string }{
	{"eager", "default"}, {"compatible", "compatible"}, {"sessioned", "sessioned"},
}

// ParseProtocol reads a value of connect.protocol; case doesn't matter. The error is an errs.Config.
func ParseProtocol(setting string) (Protocol, error) {
	for p, names := range protocolNames {
		if strings.EqualFold(names.setting, setting) {
			return Protocol(p), nil
		}
	}
	return 0, errs.Config.New("connect.protocol: %q is not one of eager, compatible, sessioned", setting)
}

// protocolNamed reads the name that the broker uses.
func protocolNamed(wire string) (Protocol, bool) {
	for p, names := range protocolNames {
		if strings.EqualFold(names.wire, wire) {
			return Protocol(p), true
		}
	}
	return 0, false
}

// String is the value of connect.protocol.
func (p Protocol) String() string { return protocolNames[p].setting }

// Name is what the broker calls it.
func (p Protocol) Name() string { return protocolNames[p].wire }

// offered are the protocols that a member offers, the preferred first: the order is its vote.
func (p Protocol) offered() []Protocol {
	var out []Protocol
	for ; p >= Eager; p-- {
		out = append(out, p)
	}
	return out
}
