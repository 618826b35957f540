// What the player of `avatar-kit export --to player.html` takes of three.js.
export {
  AnimationMixer, Box3, Color, GridHelper, LoopPingPong, LoopRepeat, PerspectiveCamera, Scene, Vector3, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/addons/controls/OrbitControls.js";
export { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
