/** `@quayside/plugins`: plugins that many hosts want, each written against the plugin host that everybody has. */
export {
  type ApprovalGate,
  type ApprovalGateOptions,
  approvalGate,
  type PendingApproval,
  type VerdictOptions,
} from './approval.js';
export { type MigrationsOptions, migrations } from './migrations.js';
export { type PreviewCommentOptions, previewComment } from './preview-comment.js';
