// Package budget decides whether and when something that failed is started again. It is pure: the same
// failures, times and dice give the same verdicts.
//
// Failures have classes, since one rule for all is either over before an outage of the night is, or
// tries a wrong setting for ever:
//
//   - Passing: the network, a store that is away, a lost group, whatever is errs.Retriable. It is
//     restarted for ever, with waits that grow to Policy.MaxDelay; when the restarts that the policy
//     allows are used up the verdict is worth an alarm, and the restarts go on.
//   - Lasting: settings, permissions, a stored offset that can't be read, a record that can't be
//     converted or is too large, a dead letter that was refused. It is not restarted.
//   - Unknown: as many restarts as the policy allows, by default over about half an hour. One that
//     fails at the same record again is Lasting.
//
// supervisor.restart.enabled=false and a maximum of 0 hold for all classes: that is what Kafka Connect
// does.
package budget
