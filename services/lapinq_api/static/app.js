// Runs on every page: local times, actions, keyboard, live updates.

import { listenForActions } from "./actions.js";
import { drawBars } from "./bars.js";
import { listenForBulk } from "./bulk.js";
import { drawCharts } from "./charts.js";
import { listenForDialogs } from "./dialogs.js";
import { listenForKeptForms } from "./kept-forms.js";
import { listenForKeys } from "./keys.js";
import { stayLive } from "./live.js";
import { drawLogs } from "./log.js";
import { listenForPalette } from "./palette.js";
import { listenForPlaces } from "./places.js";
import { listenForPreferences } from "./preferences.js";
import { listenForSelection } from "./selection.js";
import { listenForStrips } from "./strips.js";
import { drawTabs } from "./tabs.js";
import { tellTimes } from "./times.js";
import { drawTrees, listenForSearch } from "./tree.js";

tellTimes(document);
listenForActions();
listenForDialogs();
listenForKeptForms();
listenForSelection();
listenForStrips();
listenForBulk();
listenForKeys();
listenForPalette();
listenForPlaces();
listenForPreferences();
drawCharts();
drawBars(document);
drawTabs(document);
drawTrees(document);
drawLogs(document);
listenForSearch();
stayLive();
