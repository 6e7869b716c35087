// Package worker is the root of the actors: it starts the herder and, in a cluster, the membership of the
// group, watches over them, and stops everything in order.
//
// The herder is the same in both modes. It carries out what package herd decides, and sees to it that the
// stored statuses tell what runs: they are not only written when something changes, but compared with what
// runs after each assignment and each change, and corrected. A standalone worker is one that is alone in its
// group: what is configured is assigned to it at once, and the configurations are a topic in memory.
//
// Package api is the worker as REST sees it, package member its place in the group.
package worker
