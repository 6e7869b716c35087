package kafka

import (
	"context"
	"slices"
	"strings"

	"github.com/IBM/sarama"
)

// GroupRoster is a group with what its members said and were told: of any protocol type, the bytes
// as the group's own protocol has them.
type GroupRoster struct {
	GroupInfo
	Protocol string             // the one in force, "" while the group rebalances
	Roster   []GroupRosterEntry // ordered by id
}

// GroupRosterEntry is one member of a group.
type GroupRosterEntry struct {
	ID, ClientID, Host string
	Metadata           []byte // what it sent when it joined; empty while the group rebalances
	Assignment         []byte // what the leader last gave it; empty while the group rebalances
}

// DescribeMembers returns a group with its members; State is "Dead" if there is no such group.
func (a *Admin) DescribeMembers(ctx context.Context, group string) (GroupRoster, error) {
	return ask(ctx, a, func(c *saramaConn) (GroupRoster, error) {
		out := GroupRoster{GroupInfo: GroupInfo{State: "Dead"}}
		groups, err := c.admin.DescribeConsumerGroups([]string{group})
		if err != nil {
			return out, err
		}
		for _, g := range groups {
			switch g.Err {
			case sarama.ErrGroupIDNotFound:
			case sarama.ErrNoError:
				out = rosterOf(g)
			default:
				return out, g.Err
			}
		}
		return out, nil
	}, "describe the members of group %s", group)
}

func rosterOf(g *sarama.GroupDescription) GroupRoster {
	out := GroupRoster{
		GroupInfo: GroupInfo{State: g.State, ProtocolType: g.ProtocolType, Members: len(g.Members)},
		Protocol:  g.Protocol,
	}
	for id, m := range g.Members {
		out.Roster = append(out.Roster, GroupRosterEntry{
			ID: id, ClientID: m.ClientId, Host: m.ClientHost, Metadata: m.MemberMetadata, Assignment: m.MemberAssignment,
		})
	}
	slices.SortFunc(out.Roster, func(a, b GroupRosterEntry) int { return strings.Compare(a.ID, b.ID) })
	return out
}
