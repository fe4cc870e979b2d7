// Draws each chart of a report from the data beside its drawing, which stays for printing.
// number is the function of number.js; words are what is said here, in the page's language.
(echarts, number, words) => {
  const NO_TOUCH = matchMedia("(pointer: fine)").matches;

  const made = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  // Made of elements, not of text: names of runs and groups are never read as HTML.
  const hint = (option) => (pointed) => {
    const points = [pointed].flat().filter((point) => point.value[1] !== null);
    if (!points.length) return "";
    const [place] = points[0].value;
    const { name, minInterval: whole } = option.xAxis;
    const rows = points.map(({ color, seriesName, value: [, value, margin] }) => {
      const sample = made("i", {});
      sample.style.background = color;
      return made("li", {}, sample, seriesName + words.colon, made("b", {}, number(value) + (margin ? ` ± ${number(margin, 3)}` : "")));
    });
    const list = made("ul", { className: "hint" }, ...rows);
    return name ? [made("div", {}, `${name} ${whole ? place.toLocaleString("en") : number(place)}`), list] : list;
  };

  const completed = (option) => {
    option.tooltip.formatter = hint(option);
    if (!NO_TOUCH) {
      const pinched = { type: "inside", moveOnMouseMove: false, preventDefaultMouseMove: false };
      option.dataZoom.forEach((zoom) => Object.assign(zoom, pinched));
    }
    for (const axis of [option.xAxis, option.yAxis]) {
      axis.axisLabel.formatter = (value) => number(value, 4);
    }
    if (option.xAxis.minInterval) {
      option.xAxis.axisLabel.formatter = (value) => (Number.isInteger(value) ? value.toLocaleString("en") : "");
    }
    return option;
  };

  // The samples of the legend become buttons that hide and show what they stand for.
  const toggles = (figure, chart, names) => {
    for (const item of figure.querySelectorAll(".legend li")) {
      const name = item.textContent.trim();
      if (!names.has(name)) continue;
      const button = made("button", { type: "button" }, ...item.childNodes);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        chart.dispatchAction({ type: shown ? "legendSelect" : "legendUnSelect", name });
      });
      item.append(button);
    }
  };

  // Dragging over the chart shows that part of it; a double click, or the button, all of it again.
  const zooming = (figure, chart) => {
    const whole = made("button", { type: "button", hidden: true }, words.whole);
    const back = () => {
      const batch = chart.getOption().dataZoom.map((_, dataZoomIndex) => ({ dataZoomIndex, start: 0, end: 100 }));
      chart.dispatchAction({ type: "dataZoom", batch });
    };
    whole.addEventListener("click", back);
    chart.getZr().on("dblclick", back);
    chart.on("datazoom", () => {
      whole.hidden = chart.getOption().dataZoom.every((zoom) => zoom.start < 0.001 && zoom.end > 99.999);
    });
    figure.querySelector(".legend").append(made("li", {}, whole));
    if (NO_TOUCH) {
      chart.dispatchAction({ type: "takeGlobalCursor", key: "dataZoomSelect", dataZoomSelectActive: true });
    }
  };

  const draw = (data) => {
    const figure = data.closest("figure");
    const drawing = figure.querySelector(":scope > svg");
    const option = completed(JSON.parse(data.textContent));
    const box = made("div", { className: "chart" });
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", drawing.getAttribute("aria-label"));
    figure.classList.add("live");
    drawing.before(box);
    try {
      const chart = echarts.init(box, null, { renderer: "svg" });
      chart.setOption(option);
      toggles(figure, chart, new Set(option.series.map((series) => series.name)));
      zooming(figure, chart);
      // Nothing to fit while the page is printed: the chart is not shown then.
      new ResizeObserver(() => box.clientWidth && chart.resize()).observe(box);
    } catch (error) {
      figure.classList.remove("live");
      box.remove();
      console.error(error);
    }
  };

  document.querySelectorAll('figure > script[type="application/json"]').forEach(draw);
}
