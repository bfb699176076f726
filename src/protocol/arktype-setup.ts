/** How arktype works here; it reads this when it is first imported. Only ark.ts imports this file. */
import { configure } from 'arktype/config';

configure({ jitless: true });
