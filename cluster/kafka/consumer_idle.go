package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Idle says since when a consumer has had no partitions, and why.
type Idle struct {
	Since time.Time
	Why   string
	Fine  bool // the group has settled so: there are more members than partitions
}

const (
	// idleAfter is how long a consumer may be without partitions before that is looked into: a group needs
	// some seconds to settle.
	idleAfter = 10 * time.Second
	// idleTold is how often the log says that it still is.
	idleTold = time.Minute
	idleAsk  = 5 * time.Second
)

// Idle reports whether the consumer has had no partitions for a while, and why.
func (c *Consumer) Idle() (Idle, bool) {
	if i := c.idle.Load(); i != nil {
		return *i, true
	}
	return Idle{}, false
}

// idleLoop tells of a consumer that reads nothing since it has no partitions: it looks like one that has
// nothing to read.
func (m *membership) idleLoop() {
	c := m.c
	defer c.idle.Store(nil)
	since, told := time.Now(), time.Time{}
	tick := time.NewTicker(idleAfter / 2)
	defer tick.Stop()
	for {
		select {
		case <-m.ended:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		has := len(c.positions) > 0
		c.mu.Unlock()
		now := time.Now()
		if has {
			if was := c.idle.Swap(nil); was != nil && !was.Fine {
				c.log.Info("the consumer has partitions again", "group", c.cfg.group, "without", now.Sub(was.Since).Round(time.Second))
			}
			since, told = now, time.Time{}
			continue
		}
		if now.Sub(since) < idleAfter {
			continue
		}
		i := m.whyIdle(since)
		before := c.idle.Swap(&i)
		switch {
		case i.Fine && (before == nil || !before.Fine):
			c.log.Info("the consumer has no partitions to read", "group", c.cfg.group, "reason", i.Why)
		case !i.Fine && now.Sub(told) >= idleTold:
			told = now
			c.log.Warn("the consumer has no partitions and reads nothing", "group", c.cfg.group,
				"for", now.Sub(since).Round(time.Second), "reason", i.Why)
		}
	}
}

// whyIdle asks the group's coordinator. Of a group of the new protocol (KIP-848) it knows less.
func (m *membership) whyIdle(since time.Time) Idle {
	i := Idle{Since: since}
	ctx, cancel := context.WithTimeout(m.ctx, idleAsk)
	defer cancel()
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{m.c.cfg.group}
	resp, err := req.RequestWith(ctx, m.client)
	if err == nil && len(resp.Groups) != 1 {
		err = fmt.Errorf("it answered for %d groups", len(resp.Groups))
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Groups[0].ErrorCode)
	}
	switch {
	case m.c.cfg.next:
		i.Why = "the group has not assigned any to it"
	case err != nil:
		i.Why = "the group's coordinator does not answer: " + inOneLine(err.Error())
	default:
		i.Why, i.Fine = m.reasonIn(&resp.Groups[0])
	}
	return i
}

// reasonIn finds the reason in a description of the group.
func (m *membership) reasonIn(g *kmsg.DescribeGroupsResponseGroup) (why string, fine bool) {
	own := m.id()
	member := slices.IndexFunc(g.Members, func(d kmsg.DescribeGroupsResponseGroupMember) bool { return d.MemberID == own })
	switch {
	case g.State == "Stable" && member >= 0:
		return "no partitions are left for it: the topics are missing, or the other members have them all", true
	case g.State == "Stable":
		return "it is not in the group yet", false
	case g.State == "PreparingRebalance" || g.State == "CompletingRebalance":
		var others []string
		for _, d := range g.Members {
			if d.MemberID != own {
				others = append(others, d.MemberID+" at "+d.ClientHost)
			}
		}
		slices.Sort(others)
		if len(others) == 0 {
			return "the group rebalances", false
		}
		return fmt.Sprintf("the group rebalances and waits for members that may be gone, until their sessions expire: %s",
			strings.Join(others[:min(len(others), 8)], ", ")), false
	}
	return "the group is " + strings.ToLower(g.State), false
}
