package data

import "math/big"

// Decimal is an unscaled integer and a scale, Java's BigDecimal: Unscaled × 10^-Scale. 1.0 and
// 1.00 are different Decimals. Unscaled must not be changed.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}
