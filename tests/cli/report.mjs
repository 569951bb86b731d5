// Opens a page as a person would, light, dark and on paper. Arguments: the folder of node_modules, the page, a folder for pictures.
// Prints a line of JSON: what was seen.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , modules, page, folder] = process.argv;
const require = createRequire(modules + "/");
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).default;
const [chromium, puppeteer] = [await load("@sparticuz/chromium"), await load("puppeteer-core")];

const executablePath = await chromium.executablePath();
const browser = await puppeteer.launch({ executablePath, args: chromium.args, headless: "shell" });
const seen = { errors: [], requests: [], texts: {}, pictures: {} };
try {
  const tab = await browser.newPage();
  await tab.setViewport({ width: 1100, height: 900 });
  tab.on("console", (message) => seen.errors.push(message.text()));
  tab.on("pageerror", (error) => seen.errors.push(String(error)));
  tab.on("request", (request) => seen.requests.push(request.url()));
  for (const scheme of ["light", "dark"]) {
    await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await tab.goto(pathToFileURL(page));
    seen.texts[scheme] = await tab.evaluate(() => document.body.innerText);
    const png = await tab.screenshot({ path: `${folder}/${scheme}.png`, fullPage: true });
    seen.pictures[scheme] = png.length;
  }
  seen.background = await tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
  seen.images = await tab.evaluate(() => document.querySelectorAll("img, script, iframe, link").length);
  seen.empty = await tab.evaluate(
    () => [...document.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().height < 10).length,
  );
  seen.wide = await tab.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  await tab.setViewport({ width: 390, height: 800 });
  seen.wideOnPhone = await tab.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  seen.paper = (await tab.pdf()).length;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
