// A category's colour: the same name has the same one everywhere, on every visit.
const STEPS = 24;

export function hueOf(category) {
  let sum = 7;
  for (const letter of category || "") sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return (sum % STEPS) * (360 / STEPS);
}

export const hueStyle = (category) => ({ "--hue": hueOf(category) });
