// Everything that a page's elements may ask for by a data attribute. Each module says which.
import "./theme.js";
import "./keys.js";
import "./dialog.js";
import "./toast.js";
import "./menu.js";
import "./copy.js";
import "./live.js";
import "./scan.js";
import "./chart.js";
import "./submit.js";
import "./validity.js";
import "./countdown.js";
