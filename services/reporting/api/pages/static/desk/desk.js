// Pages of officers: lists and forms of the doors of all services, and people found by name.

import { enlist } from "../lists.js";
import { enpick } from "../pick.js";

enlist();
enpick();
