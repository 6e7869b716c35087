package settings

// WithTopicGroups is for the comparison with the recorded definitions.
var WithTopicGroups = withTopicGroups
