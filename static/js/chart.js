// <figure data-chart="line|bar|stacked|doughnut">: draws the figures that it carries (components/
// chart.html) with Chart.js, in the colours of the theme and the numbers of the language.
const LIBRARY = new URL("../vendor/chart.umd.min.js", import.meta.url);
const drawn = new Map();

let library;
function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(globalThis.Chart);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

// A custom property holds light-dark(); only a property that is a colour resolves it.
function token(name) {
  const probe = document.createElement("span");
  probe.className = "visually-hidden";
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function faded(colour, share) {
  const parts = colour.match(/[\d.]+/g) ?? ["0", "0", "0"];
  return `rgb(${parts[0]} ${parts[1]} ${parts[2]} / ${share})`;
}

function readable({ currency }) {
  const language = document.documentElement.lang === "id" ? "id-ID" : "en-GB";
  if (!currency) return { long: new Intl.NumberFormat(language).format, short: compact(language) };
  const kind = new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay: "narrowSymbol" });
  const exponent = currency === "IDR" ? 0 : kind.resolvedOptions().maximumFractionDigits;
  const scale = 10 ** exponent;
  const whole = new Intl.NumberFormat(language, { style: "currency", currency, currencyDisplay: "narrowSymbol", minimumFractionDigits: exponent, maximumFractionDigits: exponent });
  const small = compact(language);
  return { long: (minor) => whole.format(minor / scale), short: (minor) => small(minor / scale) };
}

function compact(language) {
  const format = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
  return (value) => format.format(value);
}

function datasets(kind, figures) {
  const palette = [1, 2, 3, 4, 5, 6].map((number) => token(`chart-${number}`));
  const card = token("card");
  return figures.series.map((series, index) => {
    const colour = palette[index % palette.length];
    const common = { label: series.name, data: series.values };
    if (kind === "doughnut") {
      return { ...common, backgroundColor: series.values.map((_, slice) => palette[slice % palette.length]), borderColor: card, borderWidth: 2 };
    }
    if (kind === "line") {
      return {
        ...common,
        borderColor: series.dashed ? token("chart-5") : colour,
        backgroundColor: series.dashed ? "transparent" : faded(colour, 0.1),
        pointBackgroundColor: series.dashed ? token("chart-5") : colour,
        borderDash: series.dashed ? [5, 5] : [],
        borderWidth: series.dashed ? 1.75 : 2.5,
        fill: !series.dashed,
        tension: 0.3,
        pointRadius: series.values.length > 40 ? 0 : 2,
        pointHoverRadius: 5,
      };
    }
    return { ...common, backgroundColor: series.dashed ? faded(token("chart-5"), 0.55) : colour, borderRadius: 5, maxBarThickness: 36 };
  });
}

function options(kind, figures) {
  const { long, short } = readable(figures);
  const soft = token("soft");
  const isRound = kind === "doughnut";
  const stacked = kind === "stacked";
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? false : { duration: 250 },
    interaction: { mode: isRound ? "nearest" : "index", intersect: isRound },
    cutout: "68%",
    plugins: {
      legend: {
        display: isRound || figures.series.length > 1,
        position: isRound ? "right" : "top",
        align: isRound ? "center" : "end",
        labels: { color: soft, usePointStyle: true, pointStyle: "circle", boxWidth: 7, boxHeight: 7, padding: 16 },
      },
      tooltip: {
        backgroundColor: token("raised"), titleColor: token("ink"), bodyColor: token("ink"), borderColor: token("line-strong"),
        borderWidth: 1, padding: 12, cornerRadius: 9, boxPadding: 6, usePointStyle: true,
        callbacks: { label: (item) => ` ${isRound ? item.label : item.dataset.label}: ${long(isRound ? item.raw : item.parsed.y)}` },
      },
    },
    scales: isRound
      ? {}
      : {
          x: { stacked, grid: { display: false }, border: { color: token("line") }, ticks: { color: soft, maxRotation: 0, autoSkipPadding: 14 } },
          y: { stacked, beginAtZero: true, grid: { color: token("line") }, border: { display: false }, ticks: { color: soft, maxTicksLimit: 6, padding: 8, callback: short } },
        },
  };
}

async function draw(figure) {
  const Chart = await load();
  const kind = figure.dataset.chart;
  const figures = JSON.parse(figure.dataset.figures);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12.5;
  drawn.get(figure)?.destroy();
  const type = { line: "line", doughnut: "doughnut" }[kind] ?? "bar";
  const data = { labels: figures.labels, datasets: datasets(kind, figures) };
  drawn.set(figure, new Chart(figure.querySelector("canvas"), { type, data, options: options(kind, figures) }));
  figure.dataset.drawn = "";
}

function drawAll() {
  for (const [figure, chart] of drawn) {
    if (figure.isConnected) continue;
    chart.destroy();
    drawn.delete(figure);
  }
  for (const figure of document.querySelectorAll("[data-chart]")) if (!drawn.has(figure)) draw(figure);
}

document.addEventListener("htmx:load", drawAll);
document.addEventListener("sentra:theme", () => {
  for (const figure of drawn.keys()) draw(figure);
});
drawAll();
