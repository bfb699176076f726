/** The address of the charts file, made by vite.config.ts. */
declare module 'virtual:charts' {
  const url: string;
  export default url;
}

declare module '*.css' {}
