import type { Screen } from '../../terminal/screen.js';
import { jsonPresenter } from './json.js';
import { plainPresenter } from './plain.js';
import type { Presenter } from './presenter.js';
import { terminalPresenter } from './terminal.js';

export const presenterFor = (screen: Screen): Presenter =>
  screen.isJson ? jsonPresenter(screen) : screen.isLive ? terminalPresenter(screen) : plainPresenter(screen);
