/**
 * Request units by document size.
 * Source: Microsoft publishes two sizes (learn: cosmos-db/key-value-store-cost, cosmos-db/request-units):
 * a point read of 1 KB costs 1 and of 100 KB 10; an insert of 1 KB 5 to 7 and of 100 KB 50.
 * In between we draw a straight line; replace and patch are taken as twice an insert, which is what
 * Microsoft measured at 1 KB (create 7.2, replace 11.6, patch 10.8). A live account may charge otherwise.
 */
const line = (bytes, at1, at100) => at1 + ((Math.max(bytes / 1024, 1) - 1) * (at100 - at1)) / 99;

const round = (units) => Math.round(units * 100) / 100;

export const readCharge = (bytes) => round(line(bytes, 1, 10));
export const insertCharge = (bytes) => round(line(bytes, 5.5, 50));
export const replaceCharge = (bytes) => round(2 * line(bytes, 5.5, 50));
export const deleteCharge = insertCharge;
export const queryCharge = (bytes) => round(2.3 + line(bytes, 1, 10));
/** What an answer costs that found nothing to do: a refused or missing item, an account or container read. */
export const SMALLEST_CHARGE = 1;
