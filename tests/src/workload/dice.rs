//! Random numbers that come again: the same seed gives the same sequence on every machine.
//!
//! SplitMix64, written out here so that a printed seed stays good whatever library changes.

/// A sequence of pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A sequence of its own for one of several users of the same seed.
    pub fn for_writer(seed: u64, writer: u64) -> Self {
        let mut dice = Self::new(seed ^ writer.wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.draw();
        dice
    }

    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end`, without `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let length = u64::try_from(from.len()).expect("a slice fits into 64 bits");
        let index = usize::try_from(self.below(length)).expect("below the length of a slice");
        &from[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_sequence_and_writers_differ() {
        let draw = |mut dice: Dice| -> Vec<u64> { (0..5).map(|_| dice.draw()).collect() };
        assert_eq!(
            draw(Dice::for_writer(7, 1)),
            draw(Dice::for_writer(7, 1)),
            "the same writer"
        );
        assert_ne!(draw(Dice::for_writer(7, 1)), draw(Dice::for_writer(7, 2)));
        assert_ne!(draw(Dice::new(7)), draw(Dice::new(8)));
    }
}
