// How large a screen's letters are: as much of it is seen as can be read.

/** Smallest and largest letters, in CSS pixels: below, nobody reads; above, nothing is gained. */
const SMALLEST = 7;
const LARGEST = 19;
/** Height of a row, in letters' sizes; as in the style sheet. */
const LINE = 1.25;

/**
 * Chooses the size of letters so that the whole screen is seen, as far as letters stay readable.
 * `large`: never below reading size; then the box scrolls.
 */
export function fit(box, screen, room, large) {
  if (screen.height === 0 || box.clientWidth === 0) {
    return;
  }
  const style = getComputedStyle(box);
  const inner = box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  // Letters of fixed-width fonts are 0.6 wide at most; measured where the browser can.
  const width = letterWidth(box);
  const wanted = Math.min(inner / (screen.columns * width), room / (screen.height * LINE), LARGEST);
  const size = Math.max(wanted, large ? 14 : SMALLEST);
  box.style.setProperty('--columns', String(screen.columns));
  box.style.setProperty('--letter', `${Math.floor(size * 10) / 10}px`);
}

function letterWidth(box) {
  const context = document.createElement('canvas').getContext('2d');
  if (!context) {
    return 0.61;
  }
  context.font = `100px ${getComputedStyle(box).fontFamily}`;
  return context.measureText('M').width / 100 || 0.61;
}
