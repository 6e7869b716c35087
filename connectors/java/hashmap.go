package java

import (
	"cmp"
	"slices"
)

// SizedOrder lists distinct names as a java.util.HashMap does that was made with so many buckets, a
// power of two, and into which they were put in the order given. It follows Java 8 and later into the
// trees that full buckets become, since names of columns do fall into one bucket by the dozen.
func SizedOrder(names []string, buckets int) []string {
	if len(names) <= treeAt {
		return listOrder(names, buckets)
	}
	m := &hashMap{table: make([]*hashNode, buckets)}
	for _, name := range names {
		m.put(name)
	}
	out := make([]string, 0, len(names))
	for _, n := range m.table {
		for ; n != nil; n = n.next {
			out = append(out, n.key)
		}
	}
	return out
}

// listOrder is SizedOrder for names that are too few for trees: they are listed by bucket, within a
// bucket as they came.
func listOrder(names []string, buckets int) []string {
	for len(names) > buckets*3/4 {
		buckets *= 2
	}
	type place struct {
		name   string
		bucket uint32
	}
	var room [treeAt]place
	places := room[:0]
	for _, name := range names {
		places = append(places, place{name, uint32(spread(name)) & uint32(buckets-1)})
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.bucket, b.bucket) })
	out := make([]string, len(names))
	for i, p := range places {
		out[i] = p.name
	}
	return out
}

// Java's constants: a bucket of more than treeAt nodes becomes a tree, if there are minTree buckets;
// a tree of listAt nodes becomes a list again when the table grows.
const (
	treeAt  = 8
	listAt  = 6
	minTree = 64
)

type hashMap struct {
	table []*hashNode
	size  int
}

type hashNode struct {
	hash int32
	key  string
	next *hashNode

	tree                      bool // the rest is of nodes in trees
	parent, left, right, prev *hashNode
	red                       bool
}

// spread is String.hashCode, spread as HashMap does.
func spread(s string) int32 {
	h := uint32(HashCode(s))
	return int32(h ^ h>>16)
}

func (m *hashMap) at(hash int32) int { return int(uint32(hash) & uint32(len(m.table)-1)) }

func (m *hashMap) put(key string) {
	hash := spread(key)
	i := m.at(hash)
	switch first := m.table[i]; {
	case first == nil:
		m.table[i] = &hashNode{hash: hash, key: key}
	case first.tree:
		m.putTree(first.root(), hash, key)
	default:
		last, n := first, 1
		for ; last.next != nil; last = last.next {
			n++
		}
		last.next = &hashNode{hash: hash, key: key}
		if n >= treeAt {
			m.treeify(i)
		}
	}
	if m.size++; m.size > len(m.table)*3/4 {
		m.grow()
	}
}

// treeify makes a tree of a list, or more buckets while there are few.
func (m *hashMap) treeify(i int) {
	if len(m.table) < minTree {
		m.grow()
		return
	}
	m.makeTree(i)
}

// grow doubles the table.
func (m *hashMap) grow() {
	old := m.table
	m.table = make([]*hashNode, 2*len(old))
	for i, n := range old {
		if n == nil {
			continue
		}
		tree := n.tree
		var lists [2][]*hashNode
		for ; n != nil; n = n.next {
			high := 0
			if m.at(n.hash) != i {
				high = 1
			}
			lists[high] = append(lists[high], n)
		}
		for high, list := range lists {
			if len(list) > 0 {
				m.link(i+high*len(old), list, tree, len(lists[1-high]) > 0)
			}
		}
	}
}

// link puts the nodes of a bucket that was split into a new one.
func (m *hashMap) link(i int, list []*hashNode, tree, split bool) {
	var prev *hashNode
	for k, n := range list {
		n.prev, n.next = prev, nil
		if k+1 < len(list) {
			n.next = list[k+1]
		}
		prev = n
	}
	m.table[i] = list[0]
	switch {
	case tree && len(list) <= listAt:
		for _, n := range list {
			n.tree = false
		}
	case tree && split:
		m.makeTree(i)
	}
}

// makeTree makes a tree of a bucket's list, whose root comes first from then on.
func (m *hashMap) makeTree(i int) {
	var root, prev *hashNode
	for x := m.table[i]; x != nil; x = x.next {
		x.tree, x.prev, x.left, x.right, x.parent, x.red = true, prev, nil, nil, nil, false
		prev = x
		if root == nil {
			root = x
			continue
		}
		x.hang(place(root, x.hash, x.key))
		root = balance(root, x)
	}
	m.rootFirst(root)
}

// place is where a node belongs: below which one, and whether to its left.
func place(root *hashNode, hash int32, key string) (parent *hashNode, left bool) {
	for p := root; p != nil; {
		parent = p
		left = p.hash > hash || p.hash == hash && key <= p.key
		if left {
			p = p.left
		} else {
			p = p.right
		}
	}
	return parent, left
}

func (n *hashNode) hang(parent *hashNode, left bool) {
	n.parent = parent
	if left {
		parent.left = n
	} else {
		parent.right = n
	}
}

func (n *hashNode) root() *hashNode {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

// putTree adds a node to a tree: in the list it comes behind the one that it hangs from.
func (m *hashMap) putTree(root *hashNode, hash int32, key string) {
	parent, left := place(root, hash, key)
	x := &hashNode{hash: hash, key: key, tree: true, next: parent.next, prev: parent}
	if parent.next != nil {
		parent.next.prev = x
	}
	parent.next = x
	x.hang(parent, left)
	m.rootFirst(balance(root, x))
}

// rootFirst moves the root to the start of its bucket's list.
func (m *hashMap) rootFirst(root *hashNode) {
	i := m.at(root.hash)
	first := m.table[i]
	if first == root {
		return
	}
	m.table[i] = root
	if root.next != nil {
		root.next.prev = root.prev
	}
	if root.prev != nil {
		root.prev.next = root.next
	}
	first.prev = root
	root.next, root.prev = first, nil
}

// balance restores the red-black tree's rules after x was hung into it, and returns the root.
func balance(root, x *hashNode) *hashNode {
	x.red = true
	for {
		xp := x.parent
		if xp == nil {
			x.red = false
			return x
		}
		xpp := xp.parent
		if !xp.red || xpp == nil {
			return root
		}
		left := xp == xpp.left
		uncle := xpp.left
		if left {
			uncle = xpp.right
		}
		if uncle != nil && uncle.red {
			uncle.red, xp.red, xpp.red = false, false, true
			x = xpp
			continue
		}
		if inner := xp.left; left && x == xp.right || !left && x == inner {
			x = xp
			root = rotate(root, x, left)
			xp = x.parent
			xpp = xp.parent
		}
		xp.red = false
		if xpp != nil {
			xpp.red = true
			root = rotate(root, xpp, !left)
		}
	}
}

// rotate turns a node down to the left or to the right, and returns the root.
func rotate(root, p *hashNode, toLeft bool) *hashNode {
	up := p.right
	if !toLeft {
		up = p.left
	}
	if up == nil {
		return root
	}
	inner := up.left
	if !toLeft {
		inner = up.right
	}
	if toLeft {
		p.right, up.left = inner, p
	} else {
		p.left, up.right = inner, p
	}
	if inner != nil {
		inner.parent = p
	}
	above := p.parent
	up.parent, p.parent = above, up
	switch {
	case above == nil:
		root = up
		up.red = false
	case above.left == p:
		above.left = up
	default:
		above.right = up
	}
	return root
}
