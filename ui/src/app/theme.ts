import { ActionIcon, Button, createTheme, type MantineColorsTuple, Modal, NativeSelect, Popover, SegmentedControl, Select, Switch, Textarea, TextInput, Tooltip } from '@mantine/core'

const ink: MantineColorsTuple = [
  '#e7eefc', '#d0ddf8', '#a3bcf1', '#769bea', '#4f7fe0', '#3f73dd', '#2155c4', '#1c48a6', '#173b88', '#122e6a',
]
const stop: MantineColorsTuple = [
  '#fdebe9', '#fad5d1', '#f3aaa3', '#ec7d73', '#e5594c', '#e5493a', '#d7301f', '#b3211a', '#901a15', '#6d1410',
]

/** Density and colour of every part, in one place. */
export const theme = createTheme({
  primaryColor: 'ink',
  primaryShade: 6,
  colors: {
    ink,
    stop,
    dark: ['#e3e8ee', '#c3ccd6', '#a3aebb', '#8c98a7', '#3b4755', '#262f3a', '#1b222b', '#151a21', '#0e1217', '#0a0d11'],
  },
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', 'DejaVu Sans', sans-serif",
  fontFamilyMonospace: 'var(--mono)',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: Button.extend({ defaultProps: { size: 'xs', variant: 'default' } }),
    ActionIcon: ActionIcon.extend({ defaultProps: { size: 'md', variant: 'subtle', color: 'gray' } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'xs' } }),
    Textarea: Textarea.extend({ defaultProps: { size: 'xs' } }),
    Select: Select.extend({ defaultProps: { size: 'xs' } }),
    NativeSelect: NativeSelect.extend({ defaultProps: { size: 'xs' } }),
    Switch: Switch.extend({ defaultProps: { size: 'sm' } }),
    SegmentedControl: SegmentedControl.extend({ defaultProps: { size: 'xs' } }),
    Modal: Modal.extend({ defaultProps: { centered: false, yOffset: '10vh', transitionProps: { duration: 80 } } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 250, withArrow: false, fz: 12 } }),
    Popover: Popover.extend({ defaultProps: { shadow: 'md', withinPortal: true } }),
  },
})
