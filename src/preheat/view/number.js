// A number as preheat.view.figure.number writes it: 0.00008215 is 8.215e-5.
(value, digits = 6) => {
  if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e15)) {
    return Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits });
  }
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${Number(exponent)}`;
}
