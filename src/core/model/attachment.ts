export {type Attachment, type AttachmentKind, type AttachmentSign, attachmentsOf} from '../node/attachment.js';
