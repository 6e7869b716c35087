package jsonschema

import "strconv"

// array compares items: the one for all, those by place, and further ones.
func (c *comparison) array(path string, original, update *model) {
	c.schema(path+"/items", original.item, update.item)
	for i := range max(len(original.items), len(update.items)) {
		at := path + "/items/" + strconv.Itoa(i)
		switch {
		case i < len(original.items) && i < len(update.items):
			c.schema(at, original.items[i], update.items[i])
		case i < len(original.items):
			c.itemRemoved(at, original.items[i], update)
		default:
			c.itemAdded(at, update.items[i], original)
		}
	}
	switch at := path + "/additionalItems"; {
	case !original.noMore && update.noMore:
		c.add(at, "ADDITIONAL_ITEMS_REMOVED")
	case original.noMore != update.noMore:
	case original.moreItems == nil && update.moreItems != nil:
		c.add(at, "ADDITIONAL_ITEMS_NARROWED")
	case original.moreItems != nil && update.moreItems != nil:
		c.schema(at, original.moreItems, update.moreItems)
	}
	c.most(path, "maxItems", "MAX_ITEMS", original, update)
	c.least(path, "minItems", "MIN_ITEMS", original, update)
	if original.raw.get("uniqueItems") != true && update.raw.get("uniqueItems") == true {
		c.add(path+"/uniqueItems", "UNIQUE_ITEMS_ADDED")
	}
}

// itemRemoved is removed for the items of an array.
func (c *comparison) itemRemoved(path string, item, update *model) {
	switch {
	case update.moreItems == nil && !update.noMore:
	case update.moreItems != nil:
		if sub := c.try(path, item, update.moreItems); len(sub.found) > 0 {
			c.add(path, "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		}
	case item.kind != kFalse:
		c.add(path, "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	}
}

// itemAdded is added for the items of an array.
func (c *comparison) itemAdded(path string, item, original *model) {
	switch {
	case original.moreItems == nil && !original.noMore:
		if item.kind != kEmpty && item.kind != kTrue {
			c.add(path, "ITEM_ADDED_TO_OPEN_CONTENT_MODEL")
		}
	case original.moreItems != nil:
		if sub := c.try(path, original.moreItems, item); len(sub.found) > 0 {
			c.add(path, "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		}
	}
}
